//! Invented artists and songs, whose names are as varied as real ones.

use std::sync::LazyLock;

/// An artist; [`ARTISTS`] is in the order of descending popularity.
#[derive(Debug)]
pub(super) struct Artist {
    pub(super) name: &'static str,
    pub(super) genres: Vec<&'static str>,
    titles: &'static Titles,
}

/// A song of an artist.
#[derive(Debug)]
pub(super) struct Song {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) album: String,
    pub(super) duration_ms: u64,
}

pub(super) const SONGS_EACH: usize = 24;

/// Words that are combined into titles.
#[derive(Debug)]
struct Titles {
    first: [&'static str; 6],
    second: [&'static str; 4],
}

static ENGLISH: Titles = Titles {
    first: ["Midnight", "Paper", "Golden", "Lost", "Don't Stop the", "Seven"],
    second: ["Letters", "Rain", "Radio (Live at \"The Barn\")", "Hearts / Part 2"],
};
static KOREAN: Titles = Titles {
    first: ["새벽", "우리의", "푸른", "잊혀진", "서울의", "마지막"],
    second: ["노래", "별빛 (Feat. 하늘)", "여름밤", "편지"],
};
static JAPANESE: Titles = Titles {
    first: ["夜の", "青い", "最後の", "君の", "雨の", "遠い"],
    second: ["歌", "花火", "電車", "約束〜reprise〜"],
};
static FRENCH: Titles = Titles {
    first: ["Où va", "L'été de", "À cause de", "Après", "Ça, c'est", "Noël sans"],
    second: ["la forêt", "mon cœur", "ta façon", "l'île"],
};
static SPANISH: Titles = Titles {
    first: ["¿Dónde está", "Corazón de", "Mañana,", "Canción para", "Adiós,", "Otra vez"],
    second: ["la niña", "el océano", "São Paulo", "tu adiós"],
};
static EMOJI: Titles = Titles {
    first: ["🔥", "💜 u", "no ✋🏽", "👩‍🚀", "lol", "🇰🇷"],
    second: ["forever", "🌙🌙🌙", "again\u{200d}", "(sped up)"],
};

/// Artists in the order of descending popularity: name, titles and genres.
const TABLE: &str = include_str!("artists.tsv");

pub(super) static ARTISTS: LazyLock<Vec<Artist>> = LazyLock::new(|| {
    let artist = |line: &'static str| {
        let mut cells = line.split('\t');
        let name = cells.next()?;
        let titles = match cells.next()? {
            "korean" => &KOREAN,
            "japanese" => &JAPANESE,
            "french" => &FRENCH,
            "spanish" => &SPANISH,
            "emoji" => &EMOJI,
            _ => &ENGLISH,
        };
        Some(Artist { name, genres: cells.next()?.split(',').collect(), titles })
    };
    TABLE.lines().filter_map(artist).collect()
});

/// Song `number` (below [`SONGS_EACH`]) of the artist at `rank` in [`ARTISTS`].
pub(super) fn song(rank: usize, number: usize) -> Song {
    let titles = ARTISTS[rank].titles;
    let (first, second) = (titles.first[number % 6], titles.second[number / 6 % 4]);
    // Between two and five minutes, always the same for a song.
    let duration_ms = 120_000 + (rank * 7_919 + number * 10_007) as u64 % 180_000;
    Song {
        id: format!("trk_{:05}", rank * 100 + number),
        title: format!("{first} {second}"),
        album: format!("{first} ({})", 2_012 + (rank + number / 6) % 12),
        duration_ms,
    }
}
