//! The behavior of listeners, before a producer encodes it.

use jiff::Timestamp;

use super::catalog::{ARTISTS, Artist, SONGS_EACH, Song, song};
use super::random::Random;

/// 2024-03-01T00:00:00Z: fixed, so that the sample never changes.
const START_NANOSECONDS: u64 = 1_709_251_200_000_000_000;
const USERS: u64 = 2_000;

const ACTIONS: [(u64, &str); 4] = [(62, "play"), (18, "skip"), (14, "like"), (6, "share")];
const COUNTRIES: [(u64, &str); 10] = [
    (34, "KR"),
    (18, "US"),
    (11, "JP"),
    (9, "BR"),
    (8, "FR"),
    (6, "GB"),
    (5, "DE"),
    (4, "MX"),
    (3, "VN"),
    (2, "IS"),
];
const DEVICES: [(u64, &str); 7] = [
    (36, "android"),
    (31, "ios"),
    (15, "web"),
    (7, "desktop"),
    (5, "smart_tv"),
    (4, "speaker"),
    (2, "car"),
];

/// One interaction of a listener with a song.
#[derive(Debug)]
pub(super) struct Interaction {
    /// Unique within a sample: it contains the seed and a counter.
    pub(super) id: String,
    pub(super) action: &'static str,
    pub(super) at: Timestamp,
    pub(super) artist_id: String,
    pub(super) artist: &'static Artist,
    pub(super) song: Song,
    pub(super) user: User,
    pub(super) session_id: String,
    pub(super) listened_ms: u64,
    pub(super) shuffle: bool,
}

/// A listener, who always has the same country and device.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) country: &'static str,
    pub(super) device: &'static str,
}

/// An endless sequence of interactions in the order of time.
#[derive(Debug)]
pub(super) struct Listening {
    seed: u64,
    drawn: u64,
    at_nanoseconds: u64,
}

impl Listening {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, at_nanoseconds: START_NANOSECONDS }
    }

    /// The next interaction; `random` determines everything except the order.
    pub(super) fn draw(&mut self, random: &mut Random) -> Interaction {
        self.drawn += 1;
        // About fifty seconds on average: five thousand of them fill three days.
        self.at_nanoseconds += random.below(100_000_000_000);
        let rank = random.ranked(ARTISTS.len());
        let song = song(rank, random.ranked(SONGS_EACH));
        let action = random.weighted(&ACTIONS);
        let listened_ms = match action {
            // Most songs are played to the end.
            "play" if random.percent(60) => song.duration_ms,
            "skip" => random.below(song.duration_ms / 3),
            _ => random.below(song.duration_ms),
        };
        let user = user(random.below(USERS));
        Interaction {
            id: format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                random.below(1 << 32),
                random.below(1 << 16),
                random.below(1 << 12),
                self.seed & 0xfff,
                self.drawn
            ),
            action,
            at: Timestamp::from_nanosecond(self.at_nanoseconds.into()).unwrap_or(Timestamp::MAX),
            artist_id: format!("art_{:04}", rank + 1),
            artist: &ARTISTS[rank],
            session_id: format!("s-{}-{:x}", user.id, self.at_nanoseconds / 3_600_000_000_000),
            song,
            user,
            listened_ms,
            shuffle: random.percent(30),
        }
    }
}

fn user(number: u64) -> User {
    let mut random = Random::new(number);
    User {
        id: format!("u{:06}", 100_000 + number),
        country: random.weighted(&COUNTRIES),
        device: random.weighted(&DEVICES),
    }
}
