//! The document of an event according to the specification, written for readability, not speed: on
//! trees.

use super::envelopes::Envelope;
use super::tree::Tree;

/// The music mapping: document field, and its input paths in order.
pub(crate) const MAPPING: &[(&str, &[&str])] = &[
    ("event.id", &["event_id", "eventId", "id"]),
    ("event.action", &["event_type", "eventType", "action", "type"]),
    ("artist.id", &["artist.id", "artist_id", "artistId"]),
    ("artist.name", &["artist.name", "artist_name", "artistName", "artist"]),
    ("artist.genre", &["artist.genre", "artist.genres", "genre"]),
    ("song.id", &["song.id", "track.id", "song_id", "track_id", "songId", "trackId"]),
    (
        "song.title",
        &["song.title", "track.title", "song_title", "track_title", "title", "song", "track"],
    ),
    ("song.duration_ms", &["song.duration_ms", "track.duration_ms", "duration_ms"]),
    ("song.album", &["song.album", "track.album", "album"]),
    ("interaction.user_id", &["user.id", "user_id", "userId", "user"]),
    ("interaction.country", &["user.country", "country"]),
    ("interaction.device", &["user.device", "device"]),
    ("interaction.session_id", &["session_id", "sessionId"]),
    ("interaction.listened_ms", &["listened_ms", "listenedMs", "play_duration_ms"]),
    ("interaction.position_ms", &["position_ms"]),
    ("interaction.shuffle", &["shuffle"]),
];

/// The paths of timestamps, in order.
pub(crate) const TIMESTAMPS: &[&str] = &[
    "@timestamp",
    "timestamp",
    "event_time",
    "eventTime",
    "occurred_at",
    "time",
    "ts",
    "created_at",
];

pub(crate) const REINGESTS: &str = "__sluice_reingests";

/// The instant that all of [`super::payloads::OWN_TIMES`] mean.
pub(crate) const OWN_TIME: &str = r#""2024-03-01T12:34:56.789Z""#;

/// One or two segments.
pub(crate) fn segments(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, second)| (first, Some(second)))
}

/// The document of an event without duplicate keys, where the only plausible times are
/// [`super::payloads::OWN_TIMES`] and the event arrived at [`super::arrival`]; with `extra` under
/// the expected name. The first envelope is the outermost.
pub(crate) fn document(
    event: &Tree,
    envelopes: &[Envelope],
    derived_id: &str,
    extra: &str,
) -> Tree {
    let mut used = Vec::new();
    let mut use_first = |paths: &[&'static str], usable: &dyn Fn(&Tree) -> bool| {
        let (path, value) = paths
            .iter()
            .filter_map(|path| Some((*path, at(event, path)?)))
            .find(|(_, value)| usable(value))?;
        used.push(segments(path));
        Some(value.clone())
    };
    let leaf = |name: &str, text: &str| (name.to_owned(), Tree::Leaf(text.to_owned()));
    let lent = |said: fn(&Envelope) -> Option<&'static str>, usable: &dyn Fn(&Tree) -> bool| {
        let said = envelopes.iter().rev().filter_map(said);
        said.map(|text| Tree::Leaf(text.to_owned())).find(|value| usable(value))
    };
    let time = use_first(TIMESTAMPS, &is_own_time)
        .or_else(|| lent(|envelope| envelope.time, &is_own_time));
    let mut groups: Vec<(&str, Vec<(String, Tree)>)> = Vec::new();
    for (field, paths) in MAPPING {
        let (group, name) = field.split_once('.').unwrap();
        let value = match *field {
            "event.id" => {
                let id = use_first(paths, &is_id).or_else(|| lent(|envelope| envelope.id, &is_id));
                let id = id.map_or_else(|| derived_id.to_owned(), |id| id.to_string());
                Some(Tree::Leaf(format!("\"{}\"", id.trim_matches('"'))))
            }
            _ => use_first(paths, &is_taken),
        };
        if groups.last().is_none_or(|(known, _)| *known != group) {
            groups.push((group, Vec::new()));
        }
        let members = &mut groups.last_mut().unwrap().1;
        members.extend(value.map(|value| (name.to_owned(), value)));
    }
    groups[0].1.push(leaf("ingested", r#""2024-03-01T12:34:58.001Z""#));
    if time.is_none() {
        groups[0].1.push(leaf("timestamp_source", r#""arrival""#));
    }
    if let Some(Tree::Object(said)) = envelopes.first().map(Envelope::group) {
        groups.insert(1, ("envelope", said));
    }
    let analytics: Vec<_> = completion(&groups)
        .map(|share| leaf("completion", &share))
        .into_iter()
        .chain([leaf("hour", "12"), leaf("weekday", "5")])
        .collect();
    groups.push(("analytics", analytics));
    groups.push((extra, unclaimed(event, &used)));
    let time = time.map_or(r#""2024-03-01T12:34:58.000Z""#, |_| OWN_TIME);
    let mut document = vec![leaf("@timestamp", time)];
    let groups = groups.into_iter().filter(|(_, members)| !members.is_empty());
    document.extend(groups.map(|(name, members)| (name.to_owned(), Tree::Object(members))));
    Tree::Object(document)
}

/// The passthrough document of such an event.
pub(crate) fn passthrough(event: &Tree, envelopes: &[Envelope]) -> Tree {
    let own = TIMESTAMPS.iter().find(|path| event.get(path).is_some_and(is_own_time));
    let lent = || envelopes.iter().rev().filter_map(|envelope| envelope.time);
    let lent = || lent().any(|text| is_own_time(&Tree::Leaf(text.to_owned())));
    let is_own = own.is_some() || lent();
    let time = if is_own { OWN_TIME } else { r#""2024-03-01T12:34:58.000Z""# };
    let mut document = vec![("@timestamp".to_owned(), Tree::Leaf(time.to_owned()))];
    let mut add = |name: &str, value: Option<Tree>| {
        let value = value.filter(|_| event.get(name).is_none());
        document.extend(value.map(|value| (name.to_owned(), value)));
    };
    let rejected = event.get("@timestamp").filter(|_| own != Some(&"@timestamp"));
    add("@timestamp_original", rejected.cloned());
    add("envelope", envelopes.first().map(Envelope::group));
    let members = event.members().unwrap().iter();
    let stay = members.filter(|(key, _)| key != "@timestamp" && !key.starts_with("__sluice_"));
    document.extend(stay.cloned());
    Tree::Object(document)
}

fn at<'a>(event: &'a Tree, path: &str) -> Option<&'a Tree> {
    match segments(path) {
        (name, None) => event.get(name),
        (group, Some(name)) => event.get(group)?.get(name),
    }
}

fn is_own_time(value: &Tree) -> bool {
    matches!(value, Tree::Leaf(text) if super::payloads::OWN_TIMES.contains(&text.as_str()))
}

fn is_taken(value: &Tree) -> bool {
    match value {
        Tree::Leaf(text) => text != "null",
        Tree::Array(values) => {
            values.iter().all(|value| matches!(value, Tree::Leaf(text) if text != "null"))
        }
        Tree::Object(_) => false,
    }
}

fn is_id(value: &Tree) -> bool {
    let Tree::Leaf(text) = value else {
        return false;
    };
    match text.as_bytes()[0] {
        b'"' => (1..=512).contains(&serde_json::from_str::<String>(text).unwrap().len()),
        b'-' | b'0'..=b'9' => text.len() <= 512,
        _ => false,
    }
}

fn completion(groups: &[(&str, Vec<(String, Tree)>)]) -> Option<String> {
    let number = |group: &str, field: &str| {
        let (_, members) = groups.iter().find(|(name, _)| *name == group)?;
        let (_, value) = members.iter().find(|(name, _)| name == field)?;
        value.to_string().parse::<f64>().ok()
    };
    let duration = number("song", "duration_ms").filter(|duration| *duration > 0.0)?;
    let share = number("interaction", "listened_ms")? / duration;
    if share.is_nan() {
        return None;
    }
    let share = format!("{:.4}", share.clamp(0.0, 1.0).abs());
    Some(share.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// All members except used ones, nulls at paths, the count of reingests and empty groups.
fn unclaimed(event: &Tree, used: &[(&str, Option<&str>)]) -> Vec<(String, Tree)> {
    let paths: Vec<_> = MAPPING
        .iter()
        .flat_map(|(_, paths)| *paths)
        .chain(TIMESTAMPS)
        .map(|path| segments(path))
        .collect();
    let stays = |path: (&str, Option<&str>), value: &Tree| {
        let null = *value == Tree::Leaf("null".to_owned());
        !(used.contains(&path) || null && paths.contains(&path))
    };
    let is_group =
        |name: &str| paths.iter().any(|(first, second)| *first == name && second.is_some());
    let mut members = Vec::new();
    for (key, value) in event.members().unwrap() {
        match value {
            _ if key == REINGESTS => {}
            Tree::Object(inside) if is_group(key) => {
                let inside: Vec<_> = inside
                    .iter()
                    .filter(|(name, value)| stays((key, Some(name)), value))
                    .cloned()
                    .collect();
                if !inside.is_empty() {
                    members.push((key.clone(), Tree::Object(inside)));
                }
            }
            value if stays((key, None), value) => members.push((key.clone(), value.clone())),
            _ => {}
        }
    }
    members
}
