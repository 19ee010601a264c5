//! The input paths of each field of the document.

/// A path of one or two names in the input.
pub(crate) type Path = &'static [&'static str];

/// A field of the document and its input paths, in order.
pub(crate) struct Field {
    /// The object in the document that contains the field.
    pub(crate) group: &'static str,
    /// The name of the field in that object.
    pub(crate) name: &'static str,
    /// The input paths of the field; the first valid value is used.
    pub(crate) paths: &'static [Path],
}

const fn field(group: &'static str, name: &'static str, paths: &'static [Path]) -> Field {
    Field { group, name, paths }
}

/// The mapping of music events.
pub(crate) const FIELDS: &[Field] = &[
    field("event", "id", &[&["event_id"], &["eventId"], &["id"]]),
    field("event", "action", &[&["event_type"], &["eventType"], &["action"], &["type"]]),
    field("artist", "id", &[&["artist", "id"], &["artist_id"], &["artistId"]]),
    field("artist", "name", &[&["artist", "name"], &["artist_name"], &["artistName"], &["artist"]]),
    field("artist", "genre", &[&["artist", "genre"], &["artist", "genres"], &["genre"]]),
    field(
        "song",
        "id",
        &[
            &["song", "id"],
            &["track", "id"],
            &["song_id"],
            &["track_id"],
            &["songId"],
            &["trackId"],
        ],
    ),
    field(
        "song",
        "title",
        &[
            &["song", "title"],
            &["track", "title"],
            &["song_title"],
            &["track_title"],
            &["title"],
            &["song"],
            &["track"],
        ],
    ),
    field(
        "song",
        "duration_ms",
        &[&["song", "duration_ms"], &["track", "duration_ms"], &["duration_ms"]],
    ),
    field("song", "album", &[&["song", "album"], &["track", "album"], &["album"]]),
    field("interaction", "user_id", &[&["user", "id"], &["user_id"], &["userId"], &["user"]]),
    field("interaction", "country", &[&["user", "country"], &["country"]]),
    field("interaction", "device", &[&["user", "device"], &["device"]]),
    field("interaction", "session_id", &[&["session_id"], &["sessionId"]]),
    field(
        "interaction",
        "listened_ms",
        &[&["listened_ms"], &["listenedMs"], &["play_duration_ms"]],
    ),
    field("interaction", "position_ms", &[&["position_ms"]]),
    field("interaction", "shuffle", &[&["shuffle"]]),
];

/// The input paths of the event's time, in order.
pub(crate) const TIMESTAMPS: &[Path] = &[
    &["@timestamp"],
    &["timestamp"],
    &["event_time"],
    &["eventTime"],
    &["occurred_at"],
    &["time"],
    &["ts"],
    &["created_at"],
];

/// The input objects that paths lead into.
pub(crate) const GROUPS: &[&str] = &["artist", "song", "track", "user"];
