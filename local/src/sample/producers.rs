//! How the producers write an interaction down: the same facts under differing names, types and
//! clocks.

use super::json::{Object, Style};
use super::listening::Interaction;
use super::random::Random;

/// A producer writes one interaction as one JSON object.
type Producer = fn(&Interaction, Style, &mut Random) -> Object;

const PRODUCERS: [(u64, Producer); 6] =
    [(28, web), (30, mobile), (20, backend), (9, partner), (8, television), (5, legacy)];

const PLAIN: Style = Style { spaced: false, ascii: false, escaped_slashes: false };
/// As Python's `json.dumps` writes.
const PYTHON: Style = Style { spaced: true, ascii: true, escaped_slashes: false };
/// As PHP's `json_encode` writes.
const PHP: Style = Style { spaced: false, ascii: true, escaped_slashes: true };
const STYLES: [(u64, Style); 3] = [(70, PLAIN), (20, PYTHON), (10, PHP)];

/// The interaction as an object that one of the producers has begun; the caller may add members.
pub(super) fn write(interaction: &Interaction, random: &mut Random) -> Object {
    let style = random.weighted(&STYLES);
    random.weighted(&PRODUCERS)(interaction, style, random)
}

/// Flat and in `snake_case`, times in RFC 3339.
fn web(of: &Interaction, style: Style, random: &mut Random) -> Object {
    Object::new(style)
        .text("event_id", &of.id)
        .text("event_type", of.action)
        .text("timestamp", &of.at.utc(3))
        .text("artist_id", &of.artist_id)
        .text("artist_name", of.artist.name)
        .text("song_id", &of.song.id)
        .text("song_title", &of.song.title)
        .value("duration_ms", of.song.duration_ms)
        .value("play_duration_ms", of.listened_ms)
        .text("user_id", &of.user.id)
        .text("country", of.user.country)
        .text("device", of.user.device)
        .text("session_id", &of.session_id)
        .text("app_version", "web-2024.2.29")
        .text("page", &format!("https://music.example/{}/queue?ab={}", of.action, random.below(8)))
}

/// In `camelCase`, times in milliseconds.
fn mobile(of: &Interaction, style: Style, random: &mut Random) -> Object {
    let version = format!("8.{}.{}", random.below(4), random.below(10));
    Object::new(style)
        .text("eventId", &of.id)
        .text("eventType", of.action)
        .value("eventTime", of.at.milliseconds())
        .text("artistId", &of.artist_id)
        .text("artistName", of.artist.name)
        .text("trackId", &of.song.id)
        .text("title", &of.song.title)
        .text("album", &of.song.album)
        .value("duration_ms", of.song.duration_ms)
        .value("listenedMs", of.listened_ms)
        .value("shuffle", of.shuffle)
        .text("userId", &of.user.id)
        .text("country", of.user.country)
        .text("device", of.user.device)
        .text("sessionId", &of.session_id)
        .text("app_version", &version)
        .text("network", random.pick(&["wifi", "5g", "lte", "offline"]))
}

/// Nested, times with an offset and up to nine digits of fraction.
fn backend(of: &Interaction, style: Style, random: &mut Random) -> Object {
    let (hours, digits) = random.pick(&[(9, 6), (9, 3), (-3, 9), (1, 6)]);
    let isrc = format!("KRA{:02}{:07}", random.below(25), random.below(10_000_000));
    Object::new(style)
        .text("id", &of.id)
        .text("action", of.action)
        .text("occurred_at", &of.at.offset(hours, digits))
        .object("artist", |artist| {
            artist
                .text("id", &of.artist_id)
                .text("name", of.artist.name)
                .texts("genres", of.artist.genres.iter().copied())
        })
        .object("track", |track| {
            track
                .text("id", &of.song.id)
                .text("title", &of.song.title)
                .text("album", &of.song.album)
                .value("duration_ms", of.song.duration_ms)
                .text("isrc", &isrc)
        })
        .object("user", |user| {
            user.text("id", &of.user.id)
                .text("country", of.user.country)
                .text("device", of.user.device)
        })
        .value("position_ms", of.position_ms)
        .value("listened_ms", of.listened_ms)
}

/// Few words, times in seconds, with and without a fraction.
fn partner(of: &Interaction, style: Style, random: &mut Random) -> Object {
    let ts = if random.percent(50) {
        of.at.seconds().to_string()
    } else {
        format!("{}.{:03}", of.at.seconds(), of.at.milliseconds() % 1_000)
    };
    Object::new(style)
        .text("type", of.action)
        .text("artist", of.artist.name)
        .text("genre", of.artist.genres[0])
        .text("song", &of.song.title)
        .text("user", &of.user.id)
        .text("country", of.user.country)
        .value("ts", ts)
        .value("price", format!("0.00{}0", random.below(9) + 1))
        .text("partner", random.pick(&["aurora-fm", "라디오한강", "kaffee & klang"]))
}

/// Devices that write numbers as texts and know micro- or nanoseconds.
fn television(of: &Interaction, style: Style, random: &mut Random) -> Object {
    let time = if random.percent(50) { of.at.microseconds() } else { of.at.nanoseconds() };
    Object::new(style)
        .text("event_id", &of.id)
        .text("type", of.action)
        .value("time", time)
        .text("artist", of.artist.name)
        .object("song", |song| {
            song.text("id", &of.song.id)
                .text("title", &of.song.title)
                .text("duration_ms", &of.song.duration_ms.to_string())
        })
        .text("listened_ms", &of.listened_ms.to_string())
        .text("shuffle", if of.shuffle { "yes" } else { "no" })
        .object("user", |user| user.text("id", &of.user.id).text("country", of.user.country))
        .text("device", of.user.device)
        .object("hardware", |hardware| {
            hardware
                .text("model", random.pick(&["TV-55\" OLED", "Speaker\tMini", "Car\\Deck 2"]))
                .value("free_bytes", 9_007_199_254_740_993 + random.below(1_000))
        })
}

/// An old importer: no id, nulls, and a clock that is a database's or missing.
fn legacy(of: &Interaction, style: Style, random: &mut Random) -> Object {
    let object = Object::new(style)
        .text("action", of.action)
        .text("artist_name", of.artist.name)
        .value("artist_id", "null")
        .text("track_title", &of.song.title)
        .text("user_id", &of.user.id)
        .value("session_id", "null")
        .value("duration_ms", of.song.duration_ms)
        .text("note", "imported \"as is\"\nline 2: C:\\music\\old")
        // Two payloads with no id and the same content would be the same event.
        .value("row", random.below(1 << 53));
    if random.percent(50) { object.text("created_at", &of.at.database()) } else { object }
}

/// What clients with much telemetry add: about 1.4 kB in a nested object.
pub(super) fn with_context(object: Object, random: &mut Random) -> Object {
    object.object("context", |context| {
        context
            .text("user_agent", "Mozilla/5.0 (Linux; Android 14; SM-S918N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.6261.64 Mobile Safari/537.36 MusicExample/8.2.1")
            .text("referrer", "https://music.example/playlist/오늘의-추천?utm_source=push&utm_medium=mobile&utm_campaign=spring-2024")
            .object("player", |player| {
                player
                    .text("quality", random.pick(&["lossless", "high", "normal"]))
                    .value("bitrate_kbps", random.pick(&[128, 256, 320, 1_411]))
                    .value("buffer_ms", random.below(30_000))
                    .value("volume", format!("0.{}", random.below(90) + 10))
                    .value("rebuffers", random.below(4))
                    .value("gapless", random.percent(50))
            })
            .object("recommendation", |recommendation| {
                recommendation
                    .text("model", "two-tower-2024-02-19")
                    .text("request_id", &format!("{:016x}{:016x}", random.next(), random.next()))
                    .value("score", format!("0.{:016}", random.below(10_000_000_000_000_000)))
                    .value("rank", random.below(50) + 1)
            })
            .texts("queue", ids("trk_", random, 24).iter().map(String::as_str))
            .texts("experiments", ids("exp-", random, 12).iter().map(String::as_str))
            .texts("segments", ids("seg:", random, 20).iter().map(String::as_str))
            .object("network", |network| {
                network
                    .text("carrier", random.pick(&["한빛텔레콤", "Étoile Mobile", "Northern"]))
                    .value("rtt_ms", random.below(400))
                    .text("ip_prefix", &format!("203.0.113.{}", random.below(256)))
            })
    })
}

fn ids(prefix: &str, random: &mut Random, count: usize) -> Vec<String> {
    (0..count).map(|_| format!("{prefix}{:05}", random.below(100_000))).collect()
}
