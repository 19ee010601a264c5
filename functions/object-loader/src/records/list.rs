//! Lists of records within objects: `RECORDS_PATHS`.

use memchr::memmem::Finder;
use shared::json::{self, Error, Extent, Scanner};

/// Where an object may contain a list: paths of one or two segments.
#[derive(Clone, Debug)]
pub struct RecordsPaths {
    paths: Vec<Vec<String>>,
    /// The last segments, in quotes: an object without them has no list.
    marks: Vec<Finder<'static>>,
}

/// The position of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListAt {
    /// The position after its bracket.
    pub(super) start: usize,
    /// The number of objects around it.
    pub(super) inside: usize,
    /// Whether it contains the log events of a CloudWatch Logs message.
    pub(super) is_of_log: bool,
}

/// The state of a search while the members of an object are read.
#[derive(Default)]
struct Search {
    path: Vec<String>,
    /// How many of `messageType` and `logGroup` are present as texts.
    log_members: usize,
    found: Option<ListAt>,
}

impl PartialEq for RecordsPaths {
    fn eq(&self, other: &Self) -> bool {
        self.paths == other.paths
    }
}

impl Default for RecordsPaths {
    /// `Records,logEvents`: `CloudTrail`'s files and messages of CloudWatch Logs.
    fn default() -> Self {
        let path = |name: &str| vec![name.to_owned()];
        Self::of(vec![path("Records"), path("logEvents")])
    }
}

impl RecordsPaths {
    /// Reads paths, separated by commas.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let segments = |path: &str| {
            let segments: Vec<_> = path.trim().split('.').map(str::to_owned).collect();
            let is_path = segments.len() <= 2 && !segments.iter().any(String::is_empty);
            is_path.then_some(segments)
        };
        Some(Self::of(text.split(',').map(segments).collect::<Option<_>>()?))
    }

    fn of(paths: Vec<Vec<String>>) -> Self {
        let mark =
            |path: &Vec<String>| Some(Finder::new(&format!("\"{}\"", path.last()?)).into_owned());
        let marks = paths.iter().filter_map(mark).collect();
        Self { paths, marks }
    }

    /// Whether the member with these names, which are contents of JSON strings, may contain a list.
    pub(super) fn contain(&self, names: &[Vec<u8>]) -> bool {
        let is =
            |segment: &String, name| segment.as_bytes() == json::meaning(name, &mut Vec::new());
        let are = |path: &Vec<String>| {
            path.len() == names.len()
                && path.iter().zip(names).all(|(segment, name)| is(segment, name))
        };
        self.paths.iter().any(are)
    }

    /// The first list at one of the paths in the object at the start of `text`, as far as it can be
    /// read.
    pub(super) fn find(&self, text: &[u8], extent: Extent) -> Option<ListAt> {
        let text = &text[..extent.whole().unwrap_or(text.len())];
        // A malformed value is only read up to the error.
        let may_have =
            || extent == Extent::Broken || self.marks.iter().any(|mark| mark.find(text).is_some());
        if text.first() != Some(&b'{') || !may_have() {
            return None;
        }
        let mut search = Search::default();
        // If a list is found, the rest is not read.
        let _stopped = self.members(&mut Scanner::new(text), &mut search);
        search.found
    }

    fn members(&self, scanner: &mut Scanner<'_>, search: &mut Search) -> Result<(), Error> {
        let mut unescaped = Vec::new();
        scanner.object(|scanner, key| {
            let name = json::meaning(key.span.of(scanner.text()), &mut unescaped);
            search.path.push(String::from_utf8_lossy(name).into_owned());
            let Search { path, log_members, .. } = search;
            match scanner.peek() {
                Some(b'[') if self.paths.contains(path) => {
                    let is_of_log = *log_members == 2 && *path == ["logEvents"];
                    let (start, inside) = (scanner.position() + 1, path.len());
                    search.found = Some(ListAt { start, inside, is_of_log });
                    return Err(Error::Invalid);
                }
                Some(b'{')
                    if path.len() == 1 && self.paths.iter().any(|of| of.starts_with(path)) =>
                {
                    self.members(scanner, search)?;
                }
                Some(b'"') if *path == ["messageType"] || *path == ["logGroup"] => {
                    *log_members += 1;
                    scanner.string()?;
                }
                _ => drop(scanner.value(path.len())?),
            }
            search.path.pop();
            Ok(())
        })
    }
}
