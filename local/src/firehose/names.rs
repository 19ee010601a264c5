//! Names with a date in them: of indices, and of objects in a backup.

use super::Rotation;
use crate::calendar::Utc;

/// `2016/02/25/13/`: the prefix of objects in a backup.
pub(super) fn prefix(milliseconds: u64) -> String {
    let Utc { year, month, day, hour, .. } = Utc::from_seconds(milliseconds / 1_000);
    format!("{year:04}/{month:02}/{day:02}/{hour:02}/")
}

/// `2016-02-25-13-04-05`: as an object's name holds it.
pub(super) fn in_object_name(milliseconds: u64) -> String {
    let Utc { year, month, day, hour, minute, second, .. } =
        Utc::from_seconds(milliseconds / 1_000);
    format!("{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{second:02}")
}

/// The index that a document of this arrival time goes to.
pub(super) fn index(name: &str, rotation: Rotation, milliseconds: u64) -> String {
    let arrival = Utc::from_seconds(milliseconds / 1_000);
    let Utc { year, month, day, hour, .. } = arrival;
    match rotation {
        Rotation::None => name.to_owned(),
        Rotation::OneHour => format!("{name}-{year:04}-{month:02}-{day:02}-{hour:02}"),
        Rotation::OneDay => format!("{name}-{year:04}-{month:02}-{day:02}"),
        Rotation::OneWeek => {
            let (year, week) = arrival.iso_week();
            format!("{name}-{year:04}-w{week:02}")
        }
        Rotation::OneMonth => format!("{name}-{year:04}-{month:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-02-25T13:04:05.999Z.
    const TIME: u64 = 1_456_405_445_999;

    #[test]
    fn objects_are_named_by_the_second() {
        assert_eq!(prefix(TIME), "2016/02/25/13/");
        assert_eq!(in_object_name(TIME), "2016-02-25-13-04-05");
    }

    #[test]
    fn indices_rotate_as_firehose_names_them() {
        for (rotation, expected) in [
            (Rotation::None, "music"),
            (Rotation::OneHour, "music-2016-02-25-13"),
            (Rotation::OneDay, "music-2016-02-25"),
            (Rotation::OneWeek, "music-2016-w08"),
            (Rotation::OneMonth, "music-2016-02"),
        ] {
            assert_eq!(index("music", rotation, TIME), expected);
        }
    }
}
