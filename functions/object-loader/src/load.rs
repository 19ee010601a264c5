//! Loads one object in stretches: each is read, written to OpenSearch, and its refused records are
//! kept, before the next one is read.

use std::time::Duration;

use shared::event::Timestamp;
use shared::metric_rules::MetricRules;
use shared::opensearch::{self, Error as SearchError, Search, Writing};
use shared::schedule::Schedule;
use tokio::time::{Instant, sleep, timeout_at};

use crate::batch::{Batch, Source};
use crate::config::{Failures, Reading};
use crate::failure::Selection;
use crate::message::Request;
use crate::objects::{ObjectError, Objects};
use crate::outcome::{Outcome, Retry};
use crate::reader::ObjectReader;
use crate::records::Next;
use crate::refused::{Keeper, Kept, Origin};
use crate::report::Report;
use crate::watch::{Stretch, Watch};

/// The wait before documents that OpenSearch could not accept are sent again; doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Loads objects.
#[derive(Debug)]
pub(crate) struct Loader<'a, S, O, W> {
    pub(crate) search: &'a S,
    pub(crate) objects: &'a O,
    pub(crate) reading: &'a Reading,
    pub(crate) writing: &'a Writing,
    pub(crate) failures: &'a Failures,
    pub(crate) metrics: &'a MetricRules,
    pub(crate) batch: &'a mut Batch,
    pub(crate) report: &'a mut Report,
    pub(crate) watch: &'a mut W,
    pub(crate) schedule: Schedule,
    pub(crate) now: Timestamp,
}

/// The result of loading an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// It has this outcome.
    Ended(Outcome),
    /// The time did not suffice: this request is for the rest.
    Until(Box<Request>),
}

/// Why no more records are read.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    Full,
    End,
    Late,
    UnknownFormat,
    Unread(ObjectError),
}

impl<S: Search, O: Objects, W: Watch> Loader<'_, S, O, W> {
    /// Loads the object of a request.
    pub(crate) async fn load(&mut self, request: &Request) -> Loaded {
        let until = self.schedule.work_until;
        let opened = ObjectReader::open(self.objects, request, self.reading, until).await;
        let (mut reader, selection) = match opened {
            Ok(opened) => opened,
            Err(error) => return Loaded::Ended(self.unread(request, &error)),
        };
        let loaded = self.stretches(request, selection.as_ref(), &mut reader).await;
        self.report.bytes_read += reader.bytes_read;
        self.report.bulk_requests += std::mem::take(&mut self.batch.requests);
        self.report.bulk_bytes += std::mem::take(&mut self.batch.bytes);
        loaded
    }

    async fn stretches(
        &mut self,
        request: &Request,
        selection: Option<&Selection>,
        reader: &mut ObjectReader<'_, O>,
    ) -> Loaded {
        let modified = reader.opened().last_modified;
        let place = [&*request.bucket, "\0", &*request.key, "\0"].concat();
        let (reading, writing, now) = (self.reading, self.writing, self.now);
        let source = Source { reading, writing, selection, place: place.as_bytes(), modified, now };
        let origin = Origin { place: reader.place.clone(), modified: modified.unwrap_or(now) };
        let mut keeper = Keeper::new(origin);
        let mut has_confirmed = false;
        loop {
            self.batch.clear();
            let stop = self.fill(&source, request.offset, reader).await;
            if stop == Stop::UnknownFormat {
                return Loaded::Ended(Outcome::Retry(Retry::UnknownFormat));
            }
            let written = self.write().await;
            if let Err(Retry::Search(denied @ opensearch::Retry::Denied)) = written {
                return Loaded::Ended(Outcome::Retry(Retry::Search(denied)));
            }
            let mut full = Vec::new();
            let settled = self.batch.settle(|refused| {
                self.report.count_refused(&refused, request);
                self.watch.refused(&refused.reason.code);
                full.extend(keeper.keep(&refused, now));
            });
            has_confirmed |= settled.until != self.batch.first_offset();
            self.report.count(&settled);
            let late = written.err().or((stop == Stop::Late).then_some(Retry::Deadline));
            let is_confirmed = W::TIME.is_some() && late.is_none();
            if late.is_some() || stop != Stop::Full || is_confirmed {
                full.extend(keeper.take());
            }
            for kept in full {
                if !self.keep(kept).await {
                    return Loaded::Ended(Outcome::Retry(Retry::NotKept));
                }
            }
            let offset = settled.until.unwrap_or_else(|| reader.records.next_offset());
            let is_stopped = is_confirmed && {
                let bytes_read = reader.bytes_read;
                let is_end = stop == Stop::End;
                let lists = reader.records.has_lists;
                let stretch =
                    Stretch { offset, lists, is_end, bytes_read, ..Stretch::from(&settled) };
                self.watch.confirmed(stretch).await.is_break()
            };
            self.begin_stretch(reader);
            return match (late, stop) {
                (late, _) if is_stopped || W::TIME.is_none() && late.is_some() && has_confirmed => {
                    let etag = reader.opened().etag.clone();
                    let version_id = reader.place.version_id.clone();
                    let lists = reader.records.has_lists;
                    let rest = Request { version_id, etag, offset, lists, ..request.clone() };
                    Loaded::Until(Box::new(rest))
                }
                (Some(retry), _) => Loaded::Ended(Outcome::Retry(retry)),
                (None, Stop::End) => Loaded::Ended(Outcome::Done),
                (None, Stop::Unread(error)) => Loaded::Ended(self.unread(request, &error)),
                (None, _) => continue,
            };
        }
    }

    /// Gives a stretch that is watched its time, from now on.
    fn begin_stretch(&mut self, reader: &mut ObjectReader<'_, O>) {
        if let Some(time) = W::TIME {
            self.schedule = Schedule::lasting(time, self.now.milliseconds());
            reader.until = self.schedule.work_until;
        }
    }

    /// The outcome of an object that cannot be read.
    fn unread(&mut self, request: &Request, error: &ObjectError) -> Outcome {
        self.report.note_object(request, error);
        Outcome::from(error)
    }

    /// Reads records, starting at `start`, until they fill a bulk request.
    async fn fill(
        &mut self,
        source: &Source<'_>,
        start: u64,
        reader: &mut ObjectReader<'_, O>,
    ) -> Stop {
        while !self.batch.is_full(self.writing.limits) {
            match reader.records.next() {
                // To read over what was confirmed before may take longer than a stretch.
                Next::Record { offset, .. } | Next::TooLarge { offset, .. } if offset < start => {
                    self.begin_stretch(reader);
                }
                Next::Record { offset, text } => self.batch.record(source, offset, text),
                Next::TooLarge { offset, bytes } => self.batch.too_large(source, offset, bytes),
                Next::Rest { offset, text, packing } => {
                    self.batch.rest(source, offset, text, packing);
                    // An empty rest would be refused again by a load that begins at its offset.
                    return Stop::End;
                }
                Next::UnknownFormat => return Stop::UnknownFormat,
                Next::End => return Stop::End,
                Next::Feed if self.schedule.is_late() => return Stop::Late,
                Next::Feed => {
                    if let Err(error) = reader.feed().await {
                        return if self.schedule.is_late() {
                            Stop::Late
                        } else {
                            Stop::Unread(error)
                        };
                    }
                }
            }
        }
        Stop::Full
    }

    /// Writes the documents of the batch. Only documents that OpenSearch could not accept are sent
    /// again.
    async fn write(&mut self) -> Result<(), Retry> {
        let limits = self.writing.limits;
        let mut wait = FIRST_WAIT;
        self.batch.seal(limits);
        loop {
            while let Some(body) = self.batch.request() {
                if self.schedule.is_late() {
                    return Err(self.batch.retry.map_or(Retry::Deadline, Retry::Search));
                }
                let reply = timeout_at(self.schedule.work_until, self.search.bulk(body)).await;
                let too_late = || Err(SearchError::Timeout(self.schedule.work_time));
                let reply = reply.unwrap_or_else(|_| too_late());
                self.batch.answered(&reply, self.metrics, |trouble| self.report.note(trouble));
                if self.batch.retry == Some(opensearch::Retry::Denied) {
                    return Err(Retry::Search(opensearch::Retry::Denied));
                }
            }
            let retry = self.batch.retry;
            if !self.batch.again(limits) {
                return Ok(());
            }
            if self.schedule.is_late_at(Instant::now() + wait) {
                self.batch.retry = retry;
                return Err(retry.map_or(Retry::Deadline, Retry::Search));
            }
            sleep(wait).await;
            wait = (wait * 2).min(MAX_WAIT);
        }
    }

    /// Writes an object of refused records; returns `false` if that fails.
    async fn keep(&mut self, kept: Kept) -> bool {
        let Failures { bucket, prefix } = self.failures;
        let key = format!("{prefix}{}", kept.key);
        // If this fails, there must be time left to delay the redelivery.
        let Schedule { work_until, calls_until, .. } = self.schedule;
        let until = work_until + calls_until.saturating_duration_since(work_until) / 2;
        let put = timeout_at(until, self.objects.put(bucket, &key, kept.body));
        let late =
            || Err(ObjectError::Unavailable("no answer came before the time was up".to_owned()));
        let put = put.await.unwrap_or_else(|_| late());
        if let Err(error) = &put {
            self.report.note_kept(bucket, &key, error);
        }
        put.is_ok()
    }
}
