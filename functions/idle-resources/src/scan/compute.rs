//! Addresses, volumes, snapshots, images and instances.

use std::collections::{BTreeMap, BTreeSet};

use shared::aws::CallFailure;
use shared::aws::query::{Element, Parameters};

use super::Scan;
use crate::found::{Markable, Resource, worth};
use crate::kind::Kind;
use crate::region::{List, Region, each_alone, invalid, is_gone};
use crate::rules::Idle;
use crate::rules::address::Address;
use crate::rules::instance::Instance;
use crate::rules::snapshot::{Image, Snapshot};
use crate::rules::volume::Volume;

/// Maximum page size of EC2's lists (source: Amazon EC2 API reference).
const PAGE: &str = "1000";
/// Maximum images in a call (source: Amazon EC2 API reference, `DescribeImageReferences`).
const MAX_IMAGES: usize = 10;

/// The lists of EC2 that the kinds need.
#[derive(Debug, Default)]
struct Lists {
    addresses: List<Address>,
    volumes: List<Volume>,
    snapshots: List<Snapshot>,
    images: List<Image>,
    instances: List<Instance>,
}

fn paged() -> Parameters {
    Parameters::new().with("MaxResults", PAGE)
}

/// Selects the account's own resources: otherwise, EC2 also lists those that all accounts share.
fn own() -> Parameters {
    paged().with("Owner.1", "self")
}

/// The addresses of a region.
pub(crate) async fn addresses(region: &Region, parameters: Parameters) -> List<Address> {
    region
        .ec2("DescribeAddresses", parameters, &["addressesSet"], "allocationId", Address::read)
        .await
}

/// Volumes of a region.
pub(crate) async fn volumes(region: &Region, parameters: Parameters) -> List<Volume> {
    region.ec2("DescribeVolumes", parameters, &["volumeSet"], "volumeId", Volume::read).await
}

/// Own snapshots of a region.
pub(crate) async fn snapshots(region: &Region, parameters: Parameters) -> List<Snapshot> {
    let parameters = parameters.with("Owner.1", "self");
    region
        .ec2("DescribeSnapshots", parameters, &["snapshotSet"], "snapshotId", Snapshot::read)
        .await
}

impl Scan<'_> {
    pub(super) async fn scan_compute(&mut self) {
        let lists = self.lists().await;
        self.find_addresses(&lists);
        self.find_volumes(&lists);
        self.find_snapshots(&lists);
        self.find_images(&lists).await;
        self.find_instances(&lists);
    }

    async fn lists(&self) -> Lists {
        let region = self.region;
        let mut lists = Lists::default();
        if self.wants(&[Kind::Address, Kind::Instance]) {
            lists.addresses = addresses(region, Parameters::new()).await;
        }
        if self.wants(&[Kind::Volume, Kind::Instance]) {
            lists.volumes = volumes(region, paged()).await;
        }
        if self.wants(&[Kind::Snapshot, Kind::Image]) {
            lists.snapshots = snapshots(region, paged()).await;
            // Disabled images also need their snapshots.
            let all = own().with("IncludeDisabled", "true");
            lists.images =
                region.ec2("DescribeImages", all, &["imagesSet"], "imageId", Image::read).await;
        }
        if self.wants(&[Kind::Image, Kind::Instance]) {
            let path = ["reservationSet", "instancesSet"];
            lists.instances =
                region.ec2("DescribeInstances", paged(), &path, "instanceId", Instance::read).await;
        }
        lists
    }

    fn find_addresses(&mut self, Lists { addresses, .. }: &Lists) {
        let kind = Kind::Address;
        if !self.wants(&[kind]) {
            return;
        }
        for address in &addresses.items {
            let Address { id, tags, is_associated, .. } = address;
            let idle = address.idle(&self.scope);
            self.found.add(&self.scope, Resource { kind, id, own_name: None, tags }, idle);
            let (id, region) = (id.clone(), self.region.name.clone());
            let (tags, is_in_use) = (tags.clone(), *is_associated);
            self.found.markable.push(Markable { kind, id, region, tags, is_in_use });
        }
        self.settle(kind, addresses);
    }

    fn find_volumes(&mut self, Lists { volumes, .. }: &Lists) {
        let kind = Kind::Volume;
        if !self.wants(&[kind]) {
            return;
        }
        for volume in &volumes.items {
            let Volume { id, tags, .. } = volume;
            let idle = volume.idle(&self.scope);
            self.found.add(&self.scope, Resource { kind, id, own_name: None, tags }, idle);
            let (id, region) = (id.clone(), self.region.name.clone());
            let (tags, is_in_use) = (tags.clone(), volume.is_in_use());
            self.found.markable.push(Markable { kind, id, region, tags, is_in_use });
        }
        self.settle(kind, volumes);
    }

    /// A snapshot is idle only if all images are known.
    fn find_snapshots(&mut self, Lists { snapshots, images, .. }: &Lists) {
        let kind = Kind::Snapshot;
        if !self.wants(&[kind]) {
            return;
        }
        if images.failure.is_some() {
            self.unread(kind, images.failure.as_ref());
            return;
        }
        let imaged: BTreeSet<_> = images.items.iter().flat_map(Image::snapshots).collect();
        for snapshot in &snapshots.items {
            let Snapshot { id, tags, .. } = snapshot;
            let idle = snapshot.idle(&self.scope, &imaged);
            self.found.add(&self.scope, Resource { kind, id, own_name: None, tags }, idle);
        }
        self.settle(kind, snapshots);
    }

    /// An image is idle only if all instances and all references to it are known.
    async fn find_images(&mut self, Lists { snapshots, images, instances, .. }: &Lists) {
        let kind = Kind::Image;
        if !self.wants(&[kind]) {
            return;
        }
        if instances.failure.is_some() {
            self.unread(kind, instances.failure.as_ref());
            return;
        }
        self.settle(kind, images);
        let used: BTreeSet<_> = instances.items.iter().filter_map(Instance::image).collect();
        let known: BTreeMap<_, _> =
            snapshots.items.iter().map(|snapshot| (&*snapshot.id, snapshot)).collect();
        let idle = |image| {
            let idle: Option<Idle> = Image::idle(image, &self.scope, &used, &known);
            Some((image, worth(&self.scope, idle)?))
        };
        let candidates: Vec<(&Image, Idle)> = images.items.iter().filter_map(idle).collect();
        if !candidates.is_empty() && instances.items.iter().any(Instance::lacks_image) {
            self.unread(kind, Some(&invalid("the image of an instance is missing")));
            return;
        }
        let mut chunks: Vec<_> = candidates.chunks(MAX_IMAGES).rev().collect();
        while let Some(chunk) = chunks.pop() {
            match self.referenced(chunk).await {
                Ok(referenced) => {
                    let idle = chunk.iter().filter(|(image, _)| !referenced.contains(&image.id));
                    for (Image { id, name, tags, .. }, idle) in idle {
                        let resource = Resource { kind, id, own_name: name.as_deref(), tags };
                        self.found.add(&self.scope, resource, Some(idle.clone()));
                    }
                }
                // One was deregistered after it was listed.
                Err(failure) if is_gone(&failure) => chunks.extend(each_alone(chunk)),
                Err(failure) => self.unread(kind, Some(&failure)),
            }
        }
    }

    /// The images that instances, launch templates or other resources refer to.
    async fn referenced(&self, images: &[(&Image, Idle)]) -> Result<BTreeSet<String>, CallFailure> {
        let ids = images.iter().map(|(image, _)| &*image.id);
        let parameters = paged().list("ImageId", ids).with("IncludeAllResourceTypes", "true");
        let id = |element: &Element| element.text("imageId").map(str::to_owned);
        let path = ["imageReferenceSet"];
        let list =
            self.region.ec2("DescribeImageReferences", parameters, &path, "imageId", id).await;
        list.failure.map_or_else(|| Ok(list.items.into_iter().collect()), Err)
    }

    /// An instance costs as much as its volumes and addresses, which must be known.
    fn find_instances(&mut self, lists: &Lists) {
        let Lists { addresses, volumes, instances, .. } = lists;
        let kind = Kind::Instance;
        if !self.wants(&[kind]) {
            return;
        }
        let unknown = volumes.failure.as_ref().or(addresses.failure.as_ref());
        if unknown.is_some() {
            self.unread(kind, unknown);
            return;
        }
        let mut usd: BTreeMap<&str, f64> = BTreeMap::new();
        for volume in &volumes.items {
            // A volume that is attached to several instances is not the cost of one.
            if let [instance] = &volume.instances[..] {
                *usd.entry(instance).or_default() += volume.usd(&self.scope);
            }
        }
        for address in &addresses.items {
            if let Some(instance) = &address.instance {
                *usd.entry(instance).or_default() += address.usd(&self.scope);
            }
        }
        for instance in &instances.items {
            let Instance { id, tags, .. } = instance;
            let usd = usd.get(&**id).copied().unwrap_or_default();
            let idle = instance.idle(&self.scope, usd);
            self.found.add(&self.scope, Resource { kind, id, own_name: None, tags }, idle);
        }
        self.settle(kind, instances);
    }
}
