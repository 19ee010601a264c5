use super::*;

fn shown(time: Timestamp) -> String {
    let mut out = Vec::new();
    time.write(&mut out);
    String::from_utf8(out).unwrap()
}

fn text(text: &str) -> Option<String> {
    Timestamp::from_text(text.as_bytes()).map(shown)
}

fn number(text: &str) -> Option<String> {
    Timestamp::from_number(text.as_bytes()).map(shown)
}

#[test]
fn reads_texts() {
    for (from, to) in [
        ("2024-03-01T12:34:56.789Z", "2024-03-01T12:34:56.789Z"),
        ("2024-03-01T12:34:56Z", "2024-03-01T12:34:56.000Z"),
        ("2024-03-01t12:34:56z", "2024-03-01T12:34:56.000Z"),
        ("2024-03-01 12:34:56", "2024-03-01T12:34:56.000Z"),
        ("2024-03-01T12:34", "2024-03-01T12:34:00.000Z"),
        ("2024-03-01T12:34+09:00", "2024-03-01T03:34:00.000Z"),
        ("2024-03-01", "2024-03-01T00:00:00.000Z"),
        ("2024-03-01T12:34:56,7", "2024-03-01T12:34:56.700Z"),
        ("2024-03-01T12:34:56.1234", "2024-03-01T12:34:56.1234Z"),
        ("2024-03-01T12:34:56.123400Z", "2024-03-01T12:34:56.1234Z"),
        ("2024-03-01T12:34:56.123000000Z", "2024-03-01T12:34:56.123Z"),
        ("2024-03-01T12:34:56.000000001Z", "2024-03-01T12:34:56.000000001Z"),
        ("2024-03-01T12:34:56.1234567899Z", "2024-03-01T12:34:56.123456789Z"),
        ("2024-03-01T00:30:00+09:00", "2024-02-29T15:30:00.000Z"),
        ("2024-12-31T20:00:00-05:30", "2025-01-01T01:30:00.000Z"),
        ("2024-03-01T12:34:56-00:00", "2024-03-01T12:34:56.000Z"),
        ("2024-03-01T12:34:56+23:59", "2024-02-29T12:35:56.000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"),
        ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999999999Z"),
        ("2017-01-01T08:59:60+09:00", "2016-12-31T23:59:59.999999999Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"),
        ("1709296496", "2024-03-01T12:34:56.000Z"),
        ("001709296496", "2024-03-01T12:34:56.000Z"),
        ("1709296496789", "2024-03-01T12:34:56.789Z"),
    ] {
        assert_eq!(text(from).as_deref(), Some(to), "{from}");
    }
}

#[test]
fn refuses_texts() {
    let plain = "
        now 2024-03 2024-3-1 2024-03-01T 2024-03-01T12 2024-03-01T12:3 2024-03-01T12:34:
        2024-03-01T12:34:56. 2024-03-01T12:34:56.Z 2024-03-01_12:34:56 2024-03-01T12:34:56+0900
        2024-03-01T12:34:56+09 2024-03-01T12:34:56+9:00 2024-03-01T12:34:56+24:00
        2024-03-01T12:34:56+09:60 2024-03-01T12:34:56ZZ 2024-03-01T24:00:00Z
        2024-03-01T12:60:00Z 2024-03-01T12:34:61Z 2024-00-01 2024-13-01 2024-02-30 2023-02-29
        1900-02-29 2024-04-31 2024-01-00 2024-01-01Z 20240301T123456Z -2024-03-01 +2024-03-01
        ١٧٠٩٢٩٦٤٩٦ 1709296496.5 -1 1969-12-31T23:59:59Z 1970-01-01T00:00:00+00:01
        2262-04-11T23:47:16.854775808Z 9999-12-31 0000-01-01 9999999999999999999999";
    let others =
        ["", " ", "2024-03-01  12:34:56", " 2024-03-01", "2024-03-01 ", "2024-03-01T12:34:56 Z"];
    for from in plain.split_whitespace().chain(others) {
        assert_eq!(text(from), None, "{from:?}");
    }
}

#[test]
fn reads_numbers_by_magnitude() {
    for (from, to) in [
        ("1709296496", "2024-03-01T12:34:56.000Z"),
        ("1709296496.789", "2024-03-01T12:34:56.789Z"),
        ("1709296496.1234567891", "2024-03-01T12:34:56.123456789Z"),
        ("1.709296496e9", "2024-03-01T12:34:56.000Z"),
        ("17092964960E-1", "2024-03-01T12:34:56.000Z"),
        ("0.001709296496e+12", "2024-03-01T12:34:56.000Z"),
        ("1709296496789", "2024-03-01T12:34:56.789Z"),
        ("1709296496789.5", "2024-03-01T12:34:56.7895Z"),
        ("1709296496789123", "2024-03-01T12:34:56.789123Z"),
        ("1709296496789123456", "2024-03-01T12:34:56.789123456Z"),
        ("1709296496789123456.9", "2024-03-01T12:34:56.789123456Z"),
        ("0", "1970-01-01T00:00:00.000Z"),
        ("-0", "1970-01-01T00:00:00.000Z"),
        ("-0.00E5", "1970-01-01T00:00:00.000Z"),
        ("0e99", "1970-01-01T00:00:00.000Z"),
        ("1e-400", "1970-01-01T00:00:00.000Z"),
        // The borders of the magnitudes.
        ("99999999999", ""),
        ("100000000000", "1973-03-03T09:46:40.000Z"),
        ("99999999999999", ""),
        ("100000000000000", "1973-03-03T09:46:40.000Z"),
        ("99999999999999999", ""),
        ("100000000000000000", "1973-03-03T09:46:40.000Z"),
        ("9223372036854775807", "2262-04-11T23:47:16.854775807Z"),
        ("9223372036854775808", ""),
        ("-1", ""),
        ("-1709296496", ""),
        ("-0.5e10", ""),
        ("1e400", ""),
        ("1e1x", ""),
        ("1e", ""),
        ("1x", ""),
        ("1.x", ""),
        (".5", ""),
        ("1e999999999999999999999", ""),
    ] {
        let expected = Some(to.to_owned()).filter(|to| !to.is_empty());
        assert_eq!(number(from), expected, "{from}");
    }
    // Just below a border it is the smaller unit's last second, in the year 5138.
    let seconds = Decimal::parse(b"99999999999").unwrap();
    assert_eq!(seconds.integer_digits(), 11);
}

#[test]
fn arrival_is_in_milliseconds_whatever_its_size() {
    let arrival = |text: &str| Timestamp::from_milliseconds(text.as_bytes()).map(shown);
    assert_eq!(arrival("1709296496789").as_deref(), Some("2024-03-01T12:34:56.789Z"));
    assert_eq!(arrival("1709296496789.25").as_deref(), Some("2024-03-01T12:34:56.78925Z"));
    assert_eq!(arrival("0").as_deref(), Some("1970-01-01T00:00:00.000Z"));
    assert_eq!(arrival("1").as_deref(), Some("1970-01-01T00:00:00.001Z"));
    assert_eq!(arrival("9223372036854").as_deref(), Some("2262-04-11T23:47:16.854Z"));
    for outside in ["-1", "9223372036855", "1e30", "", "\"1\"", "null"] {
        assert_eq!(arrival(outside), None, "{outside}");
    }
}

#[test]
fn dates_go_there_and_back() {
    let mut days = 0;
    for year in 1970..2262 {
        for month in 1..=12 {
            for day in 1..=days_in_month(year, month).unwrap() {
                assert_eq!(days_from_civil(year, month, day), days);
                let civil = civil_from_days(u64::try_from(days).unwrap());
                let expected = [year, month, day].map(|part| u64::try_from(part).unwrap());
                assert_eq!([civil.0, civil.1, civil.2], expected);
                days += 1;
            }
        }
    }
    assert_eq!(days_from_civil(0, 3, 1), -719_468);
}

#[test]
fn knows_its_date() {
    let date = |text: &str| Timestamp::from_text(text.as_bytes()).unwrap().date();
    assert_eq!(date("1970-01-01T00:00:00Z"), (1970, 1, 1));
    assert_eq!(date("2024-02-29T23:59:59.999Z"), (2024, 2, 29));
    assert_eq!(date("2024-12-31T23:30:00-01:00"), (2025, 1, 1));
}

#[test]
fn knows_hour_and_weekday() {
    for (time, hour, weekday) in [
        ("1970-01-01T00:00:00Z", 0, 4),
        ("2024-03-01T12:34:56Z", 12, 5),
        ("2024-03-03T23:59:59.999Z", 23, 7),
        ("2024-03-04T00:00:00Z", 0, 1),
    ] {
        let time = Timestamp::from_text(time.as_bytes()).unwrap();
        assert_eq!((time.hour(), time.weekday()), (hour, weekday));
    }
}

#[test]
fn tells_whole_milliseconds() {
    for (time, milliseconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-03-01T12:34:56.789Z", 1_709_296_496_789),
        ("2024-03-01T12:34:56.789999999Z", 1_709_296_496_789),
    ] {
        let time = Timestamp::from_text(time.as_bytes()).unwrap();
        assert_eq!(time.milliseconds(), milliseconds);
    }
}

#[test]
fn plausible_has_two_borders_that_belong_to_it() {
    let time = |text: &str| Timestamp::from_text(text.as_bytes()).unwrap();
    let plausible = Plausible { min: Timestamp::YEAR_2000, max_ahead_seconds: 86_400 };
    let arrival = time("2024-03-01T12:00:00Z");
    assert!(plausible.holds(time("2000-01-01T00:00:00Z"), arrival));
    assert!(!plausible.holds(time("1999-12-31T23:59:59.999999999Z"), arrival));
    assert!(plausible.holds(time("2024-03-02T12:00:00Z"), arrival));
    assert!(!plausible.holds(time("2024-03-02T12:00:00.000000001Z"), arrival));
    assert!(plausible.holds(Timestamp::MAX, Timestamp::MAX));
    assert_eq!(shown(Timestamp::YEAR_2000), "2000-01-01T00:00:00.000Z");
}
