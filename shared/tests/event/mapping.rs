//! The input paths of document fields: every path of the music mapping, in order.

use std::collections::BTreeMap;

use crate::support::expected::{MAPPING, segments};
use crate::support::{document, rest};

/// The members of an event that has these values at these paths.
fn members(values: &[(&str, &str)]) -> String {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut members = Vec::new();
    for (path, value) in values {
        match segments(path) {
            (name, None) => members.push(format!("\"{name}\":{value}")),
            (group, Some(name)) => {
                groups.entry(group).or_default().push(format!("\"{name}\":{value}"));
            }
        }
    }
    let groups =
        groups.iter().map(|(group, inside)| format!("\"{group}\":{{{}}}", inside.join(",")));
    members.splice(..0, groups);
    members.join(",")
}

/// The fields outside `event`, whose documents differ in one group only.
fn fields() -> impl Iterator<Item = (&'static str, &'static str, &'static [&'static str])> {
    MAPPING.iter().filter_map(|(field, paths)| {
        let (group, name) = field.split_once('.')?;
        (group != "event").then_some((group, name, *paths))
    })
}

#[test]
fn each_path_alone_is_taken() {
    for (group, name, paths) in fields() {
        for path in paths {
            let rest = rest(&members(&[(path, r#""v""#)]));
            assert_eq!(rest, format!(r#","{group}":{{"{name}":"v"}}"#), "{path}");
        }
    }
}

#[test]
fn the_first_path_is_taken_and_the_others_stay() {
    for (group, name, paths) in fields() {
        for first in 0..paths.len() {
            let mut values: Vec<(&str, String)> = Vec::new();
            for (index, path) in paths.iter().enumerate().skip(first) {
                // A name is a group or a value, not both.
                if !values.iter().any(|(known, _)| segments(known).0 == *path) {
                    values.push((path, format!("\"v{index}\"")));
                }
            }
            let values: Vec<_> = values.iter().map(|(path, text)| (*path, text.as_str())).collect();
            let rest = rest(&members(&values));
            let extra = match &values[1..] {
                [] => String::new(),
                others => format!(r#","extra":{{{}}}"#, members(others)),
            };
            let expected = format!(r#","{group}":{{"{name}":"v{first}"}}{extra}"#);
            assert_eq!(rest, expected);
        }
    }
}

#[test]
fn a_value_that_is_not_taken_leaves_the_field_to_the_next_path() {
    for untaken in [r#"{"x":1}"#, "[null]", "[[1]]", "[{}]", r#"["a",null]"#] {
        for (group, name, paths) in fields() {
            for pair in paths.windows(2) {
                if segments(pair[0]).0 == segments(pair[1]).0 && !pair[1].contains('.') {
                    continue;
                }
                let taken = (pair[1], r#""v""#);
                let rest = rest(&members(&[(pair[0], untaken), taken]));
                // An object in place of a group is a group.
                let extra = members(&[(pair[0], untaken)]);
                let expected = format!(r#","{group}":{{"{name}":"v"}},"extra":{{{extra}}}"#);
                assert_eq!(rest, expected);
            }
        }
    }
}

#[test]
fn a_null_leaves_the_field_to_the_next_path_and_goes() {
    for (group, name, paths) in fields() {
        for pair in paths.windows(2) {
            if segments(pair[0]).0 == segments(pair[1]).0 && !pair[1].contains('.') {
                continue;
            }
            let rest = rest(&members(&[(pair[0], "null"), (pair[1], "0")]));
            assert_eq!(rest, format!(r#","{group}":{{"{name}":0}}"#), "{pair:?}");
        }
    }
}

#[test]
fn a_field_takes_strings_numbers_booleans_and_arrays_of_those() {
    let values = r#"
        "" "text" 0 -1.50e+2 true false [] ["a","b"] [1,"a",true,1.0]"#;
    for value in values.split_whitespace() {
        assert_eq!(
            rest(&format!(r#""album":{value},"shuffle":{value}"#)),
            format!(r#","song":{{"album":{value}}},"interaction":{{"shuffle":{value}}}"#)
        );
    }
    for value in [r#"{"a":1}"#, "{}", "[null]", "[{}]", "[[]]", r#"[1,{"a":[]}]"#] {
        assert_eq!(
            rest(&format!(r#""album":{value},"shuffle":{value}"#)),
            format!(r#","extra":{{"album":{value},"shuffle":{value}}}"#)
        );
    }
}

#[test]
fn values_are_copied_as_they_were_written() {
    let values = r#"
        123456789012345678901234567890 1.50 1e2 1E+02 -0 1e-400 "\u00e9\uD834\uDD1E\/\"\\\b"
        "é𝄞한국" "\u0041""#;
    for value in values.split_whitespace() {
        assert_eq!(
            rest(&format!(r#""title":{value},"genre":[{value} , {value}],"x":[{value}]"#)),
            format!(
                r#","artist":{{"genre":[{value} , {value}]}},"song":{{"title":{value}}},"extra":{{"x":[{value}]}}"#
            )
        );
    }
}

#[test]
fn paths_are_found_whatever_their_spelling() {
    assert_eq!(
        rest(r#""\u0061rtist":{"n\u0061me":"a","\u006cabel":1},"\u0061lbum":"b""#),
        concat!(
            r#","artist":{"name":"a"},"song":{"album":"b"},"#,
            r#""extra":{"\u0061rtist":{"\u006cabel":1}}"#
        )
    );
}

#[test]
fn a_path_is_no_dotted_name_and_ends_at_two_segments() {
    assert_eq!(
        rest(
            r#""artist.name":"a","Album":"b","album ":"c","x":{"artist":{"name":"d"},"album":"e"}"#
        ),
        concat!(
            r#","extra":{"artist.name":"a","Album":"b","album ":"c","#,
            r#""x":{"artist":{"name":"d"},"album":"e"}}"#
        )
    );
    assert_eq!(
        rest(r#""artist":{"name":{"name":"d"},"artist":"e","country":"f"}"#),
        r#","extra":{"artist":{"name":{"name":"d"},"artist":"e","country":"f"}}"#
    );
}

#[test]
fn a_text_in_the_place_of_a_group_is_its_name() {
    assert_eq!(
        rest(r#""artist":"a","song":"b","track":"c","user":4"#),
        concat!(
            r#","artist":{"name":"a"},"song":{"title":"b"},"interaction":{"user_id":4},"#,
            r#""extra":{"track":"c"}"#
        )
    );
}

#[test]
fn the_action_has_its_paths_too() {
    let action = |members: &str| {
        let document = document(format!(r#"{{"id":"x",{members}}}"#));
        let (_, action) = document.split_once(r#""event":{"id":"x","#).unwrap();
        action.split_once(r#""ingested""#).unwrap().0.to_owned()
    };
    let paths = ["event_type", "eventType", "action", "type"];
    for first in 0..4 {
        let values: Vec<_> =
            (first..4).rev().map(|index| (paths[index], format!("{index}"))).collect();
        let values: Vec<_> = values.iter().map(|(path, text)| (*path, text.as_str())).collect();
        assert_eq!(action(&members(&values)), format!(r#""action":{first},"#));
    }
    assert_eq!(action(r#""type":["a",1]"#), r#""action":["a",1],"#);
    assert_eq!(action(r#""type":{},"event_type":null"#), "");
}
