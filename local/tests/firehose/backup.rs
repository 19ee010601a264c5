//! A backup that cannot be written, and other invalid settings.

use local::firehose::{DeliveryStream, DeliveryStreamOptions, Endpoint, Error};

use crate::script::{answered, each, echo};
use crate::sink::Sink;
use crate::{objects, options, put, started};

#[tokio::test]
async fn a_backup_that_cannot_be_written_is_told_and_ends_the_stream() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = each(|data| match data {
        "fail" => answered("ProcessingFailed", None),
        _ => answered("Ok", Some(data)),
    });
    // A file in place of a folder: not even root can write below it.
    std::fs::write(backup.path().join("processing-failed"), []).unwrap();
    let stream = started(options(&backup), function, &sink).await;
    put(&stream, &["{}", "fail", "fail"]).await;

    let error = stream.flush().await.unwrap_err();
    let Error::Backup { ref folder, records: 2, ref message } = error else { panic!("{error}") };
    assert_eq!(folder, backup.path());
    let told = format!(
        "the backup {} cannot be written, 2 failed records are lost: {message}",
        folder.display()
    );
    assert_eq!(error.to_string(), told);
    let report = stream.report();
    assert_eq!((report.delivered, report.processing_failed, report.unwritten), (1, 0, 2));
    assert_eq!((report.in_flight, report.unaccounted()), (0, 0));
    let refused = stream.put_record("{}").await.unwrap_err();
    assert_eq!(refused.to_string(), told);
}

#[tokio::test]
async fn nothing_unfinished_is_left_in_the_backup() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let function = each(|_| answered("ProcessingFailed", None));
    let options = DeliveryStreamOptions { processor_buffer_bytes: 1, ..options(&backup) };
    let stream = started(options, function, &sink).await;
    put(&stream, &["1", "2", "3"]).await;
    assert_eq!(stream.flush().await.unwrap().processing_failed, 3);
    let objects = objects(backup.path());
    assert_eq!(objects.len(), 3);
    let prefix = "processing-failed/2024/03/01/12/music-1-";
    assert!(objects.iter().all(|object| object.starts_with(prefix)), "{objects:?}");
}

async fn start_error(options: DeliveryStreamOptions, url: &str) -> String {
    let endpoint = Endpoint::bind().await.unwrap();
    DeliveryStream::start(options, endpoint, echo(), url).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_cannot_be_used_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:9";
    let error = start_error(options(&folder), "ftp://user:secret@host").await;
    assert!(error.starts_with("the OpenSearch URL cannot be used: "), "{error}");
    assert!(!error.contains("secret"), "{error}");

    let file = folder.path().join("file");
    std::fs::write(&file, []).unwrap();
    let broken = DeliveryStreamOptions { backup_folder: file.join("below"), ..options(&folder) };
    let error = start_error(broken, url).await;
    assert!(error.starts_with("the backup ") && error.contains("0 failed records"), "{error}");
}
