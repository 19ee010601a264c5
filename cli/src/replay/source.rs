//! SOURCE: the objects of a bucket, or files.

use std::fs;
use std::path::{Path, PathBuf};

use object_loader::{Place, S3Objects};
use shared::sqs::Failure as SqsFailure;

use super::objects::file_etag;
use crate::aws::{answered, explained};
use crate::error::CliError;

/// The bucket of files.
pub(super) const FILES: &str = "";

/// The source of the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The objects of a bucket whose keys begin with a prefix.
    Bucket { bucket: String, prefix: String },
    /// A file, or the files in a folder and in those inside it: an absolute path.
    Files(String),
}

/// An object to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) place: Place,
    /// Identifies the version of the object.
    pub(super) etag: String,
    pub(super) bytes: u64,
}

impl Object {
    /// Its name in reports and in the ledger.
    pub(super) fn name(&self) -> String {
        match &*self.place.bucket {
            FILES => self.place.key.clone(),
            bucket => format!("s3://{bucket}/{}", self.place.key),
        }
    }
}

impl Source {
    /// Reads `s3://bucket/prefix` or a path.
    ///
    /// # Errors
    /// [`CliError::Usage`] for an invalid URL, or a path that does not exist.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(CliError::usage(format_args!("{text:?} is not s3://BUCKET/PREFIX")));
            }
            return Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        let path = fs::canonicalize(text)
            .map_err(|error| CliError::usage(format_args!("{text}: {error}")))?;
        Ok(Self::Files(utf8(&path)?.to_owned()))
    }

    /// Its name in reports: a URL or an absolute path.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Bucket { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
            Self::Files(path) => path.clone(),
        }
    }

    /// Lists the objects by key, or the files by path, without the replay's own files in the
    /// folder.
    ///
    /// # Errors
    /// [`CliError::Failed`] if the bucket or a folder cannot be listed.
    pub(super) async fn list(
        &self,
        s3: Option<&S3Objects>,
        own: &[PathBuf],
    ) -> Result<Vec<Object>, CliError> {
        match (self, s3) {
            (Self::Bucket { bucket, prefix }, Some(s3)) => listed(s3, bucket, prefix).await,
            (Self::Bucket { .. }, None) => Ok(Vec::new()),
            (Self::Files(path), _) => {
                let mut found = Vec::new();
                walk(Path::new(path), own, &mut found)?;
                found.sort_by(|one: &Object, other| one.place.key.cmp(&other.place.key));
                Ok(found)
            }
        }
    }
}

async fn listed(s3: &S3Objects, bucket: &str, prefix: &str) -> Result<Vec<Object>, CliError> {
    let list = s3.client().list_objects_v2().bucket(bucket).prefix(prefix);
    let mut pages = list.into_paginator().send();
    let mut found = Vec::new();
    let failed = |failure: SqsFailure| {
        let reason = explained(&failure);
        CliError::failed(format_args!("failed to list s3://{bucket}/{prefix}: {reason}"))
    };
    while let Some(page) =
        answered(async { pages.next().await.transpose() }).await.map_err(failed)?
    {
        for object in page.contents() {
            let (Some(key), Some(etag)) = (object.key(), object.e_tag()) else { continue };
            if key.ends_with('/') {
                continue;
            }
            let place = Place { bucket: bucket.to_owned(), key: key.to_owned(), version_id: None };
            let bytes = object.size().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
            found.push(Object { place, etag: etag.to_owned(), bytes });
        }
    }
    Ok(found)
}

/// Appends a file, or the files of a folder. Hidden files and links in a folder are left out.
fn walk(path: &Path, own: &[PathBuf], found: &mut Vec<Object>) -> Result<(), CliError> {
    let failed = |error| CliError::failed(format_args!("{}: {error}", path.display()));
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_file() {
        let place =
            Place { bucket: FILES.to_owned(), key: utf8(path)?.to_owned(), version_id: None };
        found.push(Object { place, etag: file_etag(&metadata), bytes: metadata.len() });
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let is_own = own.contains(&entry.path());
            if !is_hidden && !is_own && !entry.file_type().map_err(failed)?.is_symlink() {
                walk(&entry.path(), own, found)?;
            }
        }
    }
    Ok(())
}

fn utf8(path: &Path) -> Result<&str, CliError> {
    let invalid = || CliError::usage(format_args!("{}: the path is not UTF-8", path.display()));
    path.to_str().ok_or_else(invalid)
}
