//! Changes on request.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use shared::aws::query::{EC2, Parameters};
use shared::cost::{CallTime, exact};

use crate::clients::{Clients, failure};
use crate::config::Config;
use crate::error::HandlerError;
use crate::found::Saving;
use crate::request::Action;
use crate::volume::{Gp3, Volume};
use crate::{buckets, shrinking, tiering};

/// The context of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clients: &'a Clients,
    pub(crate) now: Timestamp,
    pub(crate) time: CallTime,
    pub(crate) is_dry_run: bool,
}

impl Change<'_> {
    /// Makes a change, or returns what it would be.
    ///
    /// # Errors
    /// `Refused` and `LifecycleChanged`.
    pub(crate) async fn make(self, action: &Action) -> Result<Value, HandlerError> {
        let (name, changed, mut answer) = match action {
            Action::Gp3 { volume } => self.gp3(volume).await?,
            Action::Tiering { bucket, prefix } => {
                tiering::tier(self, bucket, prefix.as_deref()).await?
            }
            Action::Archive { bucket, archive_days, deep_archive_days } => {
                tiering::archive(self, bucket, *archive_days, *deep_archive_days).await?
            }
            Action::Shrink { volume, size_gib } => {
                shrinking::shrink(self, volume, *size_gib).await?
            }
        };
        answer["action"] = json!(name);
        answer["dryRun"] = json!(self.is_dry_run);
        answer["changed"] = json!(changed);
        Ok(answer)
    }

    /// Changes a gp2 volume to gp3.
    async fn gp3(self, id: &str) -> Result<Changed, HandlerError> {
        let Self { config, clients, time, is_dry_run, .. } = self;
        let volume = self.volume(id).await?;
        let gp3 = Gp3::like_gp2(volume.size_gib);
        let (gp3, usd) = match &*volume.kind {
            "gp2" if volume.is_managed => {
                let message = "a service of AWS manages the volume";
                return Err(failure("Managed", message).into());
            }
            "gp2" => (gp3, gp3.saving(volume.size_gib, &config.rules.prices, &config.region)),
            // It is already a gp3 volume.
            "gp3" => {
                let own = |own: Option<u64>, default| own.unwrap_or(default);
                let (iops, throughput) = (volume.iops, volume.throughput);
                let of_volume =
                    Gp3 { iops: own(iops, gp3.iops), throughput: own(throughput, gp3.throughput) };
                (of_volume, 0.0)
            }
            other => {
                let message = format!("the volume is of type {other}: only gp2 becomes gp3");
                return Err(failure("NotGp2", &message).into());
            }
        };
        let changes = volume.kind == "gp2" && !is_dry_run;
        if changes {
            let parameters = Parameters::new()
                .with("VolumeId", id)
                .with("VolumeType", "gp3")
                .with("Iops", gp3.iops.to_string())
                .with("Throughput", gp3.throughput.to_string());
            let modified = clients.ec2("ModifyVolume", &parameters, time).await;
            let modified = modified.and_then(|answer| {
                match answer.text("volumeModification/modificationState") {
                    Some("failed") => {
                        Err(failure("ModificationFailed", "EC2 did not change the volume"))
                    }
                    _ => Ok(()),
                }
            });
            // An attempt without a valid answer may have changed it, and EC2 rejects the next one.
            if let Err(error) = modified
                && !self.volume(id).await.is_ok_and(|now| now.kind == "gp3")
            {
                return Err(error.into());
            }
        }
        let answer = json!({
            "volumeId": id, "iops": gp3.iops, "throughput": gp3.throughput, "usd": exact(usd),
        });
        Ok(("gp3", changes, answer))
    }

    /// The volume with this id.
    pub(crate) async fn volume(self, id: &str) -> Result<Volume, HandlerError> {
        let one = Parameters::new().with("VolumeId.1", id);
        let path = ["volumeSet"];
        let list = self.clients.list(EC2, "DescribeVolumes", &one, &path, Volume::read, self.time);
        let (volumes, unread) = list.await;
        let missing = || failure("InvalidVolume.NotFound", "there is no such volume");
        match volumes.into_iter().find(|volume| volume.id == id) {
            Some(volume) => self.check_tags(&volume.tags).map(|()| volume),
            None => Err(unread.unwrap_or_else(missing).into()),
        }
    }

    /// Checks that a bucket is not protected.
    pub(crate) async fn check_bucket(self, bucket: &str) -> Result<(), HandlerError> {
        self.check_tags(&buckets::tags(self.clients, bucket, self.time).await?)
    }

    fn check_tags(self, tags: &BTreeMap<String, String>) -> Result<(), HandlerError> {
        let tags = tags.iter().map(|(key, value)| (&**key, &**value));
        let today = self.now.to_zoned(TimeZone::UTC).date();
        if self.config.rules.keep.protects(tags, today) {
            return Err(failure("Protected", "the resource has the tag of KEEP_TAG").into());
        }
        Ok(())
    }
}

/// The name of an action, whether something was changed, and the rest of its answer.
pub(crate) type Changed = (&'static str, bool, Value);

/// Adds a saving to an answer.
pub(crate) fn add_saving(answer: &mut Value, saving: Saving) {
    answer["usd"] = json!(exact(saving.usd));
    if !saving.is_known() {
        answer["usdMax"] = json!(exact(saving.max));
    }
}
