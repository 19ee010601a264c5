//! Who plays what: invented artists and songs, their names as varied as the world's.

/// An artist, by descending popularity in [`ARTISTS`].
#[derive(Debug)]
pub(super) struct Artist {
    pub(super) name: &'static str,
    pub(super) genres: &'static [&'static str],
    /// In which language the songs are named.
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

/// How many songs every artist has.
pub(super) const SONGS_EACH: usize = 24;

/// Words that combine into titles.
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

const fn artist(
    name: &'static str,
    genres: &'static [&'static str],
    titles: &'static Titles,
) -> Artist {
    Artist { name, genres, titles }
}

/// From the most to the least popular.
pub(super) static ARTISTS: [Artist; 48] = [
    artist("달빛정원", &["k-pop"], &KOREAN),
    artist("Nova Kim", &["pop", "r&b"], &ENGLISH),
    artist("새벽 네시", &["k-indie", "folk"], &KOREAN),
    artist("The Paper Lanterns", &["indie rock"], &ENGLISH),
    artist("STARLIT9", &["k-pop", "dance"], &KOREAN),
    artist("Zoë & the Émigrés", &["pop"], &FRENCH),
    artist("🌊 Tidal Wave 🌊", &["edm"], &EMOJI),
    artist("Café Señorita", &["latin", "pop"], &SPANISH),
    artist("MC Halmoni (할머니)", &["hip hop"], &KOREAN),
    artist("Ásdís Þórsdóttir", &["ambient"], &ENGLISH),
    artist("夜行列車", &["j-rock"], &JAPANESE),
    artist("The \"Quiet\" Ones", &["post-punk"], &ENGLISH),
    artist("Los Pájaros Eléctricos", &["latin", "rock"], &SPANISH),
    artist("한강 브라더스", &["trot"], &KOREAN),
    artist("Velvet Static", &["shoegaze"], &ENGLISH),
    artist("João do Mar", &["bossa nova", "mpb"], &SPANISH),
    artist("DJ Żółw", &["techno"], &EMOJI),
    artist("Back\\Slash", &["industrial"], &ENGLISH),
    artist("Лунная дорога", &["synth-pop"], &ENGLISH),
    artist("Motörblast", &["metal"], &ENGLISH),
    artist("소나기", &["ballad"], &KOREAN),
    artist("💔", &["emo"], &EMOJI),
    artist("Ngọc Ánh", &["v-pop"], &ENGLISH),
    artist("Les Étoiles Filantes", &["chanson"], &FRENCH),
    artist("さくら三号", &["j-pop", "city pop"], &JAPANESE),
    artist("P!nk Flamingo$", &["funk"], &ENGLISH),
    artist("Øystein Ål", &["jazz"], &ENGLISH),
    artist("فرقة النجوم", &["arabic pop"], &ENGLISH),
    artist("Şarkıcı Gül", &["turkish pop"], &ENGLISH),
    artist("The 1:59", &["pop rock"], &ENGLISH),
    artist("무지개 연못", &["k-indie"], &KOREAN),
    artist("Aoife Ní Bhriain", &["celtic", "folk"], &ENGLISH),
    artist("👨‍👩‍👧‍👦 Family Band", &["children"], &EMOJI),
    artist("null", &["experimental"], &ENGLISH),
    artist("Dvořák Reimagined", &["classical"], &ENGLISH),
    artist("A/B", &["minimal"], &ENGLISH),
    artist("旅人乐队", &["mandopop"], &JAPANESE),
    artist("Κύμα", &["laika"], &ENGLISH),
    artist("42", &["math rock"], &ENGLISH),
    // The same letters as "Café Señorita" would use, but decomposed: é is two characters.
    artist("Cafe\u{301} Noir", &["trip hop"], &FRENCH),
    artist("Chœur d'Été", &["choral"], &FRENCH),
    artist("हवा", &["bollywood"], &ENGLISH),
    artist("ไทยแลนด์ซาวด์", &["luk thung"], &ENGLISH),
    artist("שירת הים", &["folk"], &ENGLISH),
    artist("<b>Bold</b>", &["hyperpop"], &EMOJI),
    artist("Robert'); DROP TABLE songs;--", &["nerdcore"], &ENGLISH),
    artist("true", &["experimental"], &ENGLISH),
    artist("조용한 오후", &["lo-fi", "k-indie"], &KOREAN),
];

/// Song `number` (below [`SONGS_EACH`]) of the artist at `rank` in [`ARTISTS`].
pub(super) fn song(rank: usize, number: usize) -> Song {
    let titles = ARTISTS[rank].titles;
    let (first, second) = (titles.first[number % 6], titles.second[number / 6 % 4]);
    // Spread over two to five minutes, the same for a song every time.
    let duration_ms = 120_000 + (rank * 7_919 + number * 10_007) as u64 % 180_000;
    Song {
        id: format!("trk_{:05}", rank * 100 + number),
        title: format!("{first} {second}"),
        album: format!("{first} ({})", 2_012 + (rank + number / 6) % 12),
        duration_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::{ARTISTS, SONGS_EACH, song};
    use std::collections::HashSet;

    #[test]
    fn names_and_songs_are_distinct() {
        let names: HashSet<_> = ARTISTS.iter().map(|artist| artist.name).collect();
        assert_eq!(names.len(), ARTISTS.len());
        let songs: HashSet<_> = (0..ARTISTS.len())
            .flat_map(|rank| (0..SONGS_EACH).map(move |number| (rank, number)))
            .map(|(rank, number)| (rank, song(rank, number).title))
            .collect();
        assert_eq!(songs.len(), ARTISTS.len() * SONGS_EACH);
    }

    #[test]
    fn songs_last_minutes() {
        for rank in 0..ARTISTS.len() {
            for number in 0..SONGS_EACH {
                let duration_ms = song(rank, number).duration_ms;
                assert!((120_000..300_000).contains(&duration_ms), "{rank} {number}");
            }
        }
    }
}
