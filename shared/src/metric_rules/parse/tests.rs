use super::*;

fn error(json: &str) -> String {
    parse(json, &["RecordsIn"]).unwrap_err()
}

fn texts(listed: &Listed) -> Vec<&str> {
    listed.values.iter().map(Word::text).collect()
}

/// A list of `count` numbers.
fn numbers(count: usize) -> String {
    let numbers: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

#[test]
fn the_largest_rules_are_taken() {
    let values = numbers(100);
    let rule = |number: usize| {
        format!(
            r#"{{"metric":"A-{number}_b.c/d","when":{{"a.b.c":{values}}},"sum":"a",
                "unit":"Terabytes/Second","by":{{"D":{{"path":"e","values":{values}}}}}}}"#
        )
    };
    let rules: Vec<_> = (0..20).map(rule).collect();
    let (rules, paths) = parse(&format!("[{}]", rules.join(",")), &[]).unwrap();
    assert_eq!(rules.len(), 20);
    assert_eq!(paths, ["a.b.c", "a", "e"], "each path once");
    let long = "x".repeat(255);
    parse(&format!(r#"[{{"metric":"{long}"}}]"#), &[]).unwrap();
}

#[test]
fn numbers_and_booleans_are_as_written() {
    let (rules, _) =
        parse(r#"[{"metric":"A","when":{"a":[1.50,-0,true,"\u0041"]}}]"#, &[]).unwrap();
    assert_eq!(texts(&rules[0].when[0]), ["1.50", "-0", "true", "A"]);
}

#[test]
fn an_error_names_the_place_of_the_rule_and_its_metric() {
    let many = format!("[{}]", vec!["{}"; 21].join(","));
    let name = "is not a name of 1 to 255 letters, digits and _-./";
    let taken = "`metric`: it is a metric of the function or of an earlier rule";
    for (rules, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        (r#"[{"metric":"A"}] x"#, "trailing characters at line 1 column 18"),
        ("{}", "invalid type: map, expected a sequence at line 1 column 0"),
        (&many, "21 rules, but at most 20 are allowed"),
        (r#"[{"metric":"A"},5]"#, "rule 2: must be an object"),
        (r#"[{"sum":"a"}]"#, "rule 1: `metric`: is missing"),
        (r#"[{"metric":5}]"#, "rule 1: `metric`: must be a text"),
        (r#"[{"metric":""}]"#, &format!("rule 1 (): `metric`: \"\" {name}")),
        (r#"[{"metric":"a b"}]"#, &format!("rule 1 (a b): `metric`: \"a b\" {name}")),
        (r#"[{"metric":"é"}]"#, &format!("rule 1 (é): `metric`: \"é\" {name}")),
        (r#"[{"metric":"_aws"}]"#, &format!("rule 1 (_aws): `metric`: \"_aws\" {name}")),
        (r#"[{"metric":"A"},{"metric":"RecordsIn"}]"#, &format!("rule 2 (RecordsIn): {taken}")),
        (r#"[{"metric":"MetricLinesSkipped"}]"#, &format!("rule 1 (MetricLinesSkipped): {taken}")),
        (r#"[{"metric":"A"},{"metric":"A"}]"#, &format!("rule 2 (A): {taken}")),
        (r#"[{"metric":"A","metric":"B"}]"#, "rule 1 (A): `metric`: is there twice"),
    ] {
        assert_eq!(error(rules), expected);
    }
    let long = "x".repeat(256);
    assert!(error(&format!(r#"[{{"metric":"{long}"}}]"#)).ends_with(name));
}

#[test]
fn an_error_names_the_member() {
    let paths = "must be an object of paths, each with a list of values";
    let dimension = "must be an object of one dimension, with a path and a list of values";
    let too_many = format!(r#""when":{{"a":{}}}"#, numbers(101));
    let too_many_countries = format!(r#""by":{{"D":{{"path":"a","values":{}}}}}"#, numbers(101));
    for (member, expected) in [
        (r#""wen":{}"#, "`wen`: is not one of metric, when, sum, unit and by"),
        (r#""when":[]"#, &format!("`when`: {paths}")),
        (r#""when":{"a":"play"}"#, &format!("`when`: {paths}")),
        (r#""when":{"a":[]}"#, "`when`: a has 0 values, but 1 to 100 are allowed"),
        (&too_many, "`when`: a has 101 values, but 1 to 100 are allowed"),
        (r#""when":{"a":[["x"]]}"#, "`when`: a has a value that is not a text, number or boolean"),
        (r#""when":{"a":[null]}"#, "`when`: a has a value that is not a text, number or boolean"),
        (r#""when":{"a":["5",5]}"#, "`when`: a has \"5\" twice"),
        (r#""when":{"a":[1],"\u0061":[2]}"#, "`when`: a is there twice"),
        (r#""when":{"a.b.c.d":[1]}"#, "`when`: \"a.b.c.d\" is not a path of one to three segments"),
        (r#""sum":"a..b""#, "`sum`: \"a..b\" is not a path of one to three segments"),
        (r#""sum":"""#, "`sum`: \"\" is not a path of one to three segments"),
        (r#""sum":["a"]"#, "`sum`: must be a path"),
        (
            r#""unit":"count""#,
            "`unit`: \"count\" is not a unit of CloudWatch, such as Count, Bytes or Milliseconds",
        ),
        (r#""unit":null"#, "`unit`: must be a unit of CloudWatch"),
        (r#""by":"a""#, &format!("`by`: {dimension}")),
        (r#""by":{"D":{"path":"a"}}"#, &format!("`by`: {dimension}")),
        (r#""by":{"D":{"path":"a","values":[1],"x":1}}"#, &format!("`by`: {dimension}")),
        (r#""by":{}"#, "`by`: must have one dimension"),
        (
            r#""by":{"D":{"path":"a","values":[1]},"D":{"path":"b","values":[1]}}"#,
            "`by`: must have one dimension",
        ),
        (
            r#""by":{"a b":{"path":"a","values":[1]}}"#,
            "`by`: \"a b\" is not a name of 1 to 255 letters, digits and _-./",
        ),
        (
            r#""by":{"Plays":{"path":"a","values":[1]}}"#,
            "`by`: the dimension has the name of the metric",
        ),
        (
            r#""by":{"D":{"path":".a","values":[1]}}"#,
            "`by`: D.path: \".a\" is not a path of one to three segments",
        ),
        (&too_many_countries, "`by`: D.values has 101 values, but 1 to 100 are allowed"),
        (
            r#""by":{"D":{"path":"a","values":[]}}"#,
            "`by`: D.values has 0 values, but 1 to 100 are allowed",
        ),
    ] {
        let rules = format!(r#"[{{"metric":"A"}},{{"metric":"Plays",{member}}}]"#);
        assert_eq!(error(&rules), format!("rule 2 (Plays): {expected}"));
    }
}

#[test]
fn a_dimension_has_values_that_cloudwatch_takes() {
    let values = |value: &str| {
        parse(
            &format!(r#"[{{"metric":"A","by":{{"D":{{"path":"a","values":["KR",{value:?}]}}}}}}]"#),
            &[],
        )
    };
    for value in ["a b", "~!:", &"x".repeat(1_024)] {
        let (rules, _) = values(value).unwrap();
        assert_eq!(texts(&rules[0].by.as_ref().unwrap().listed), ["KR", value]);
    }
    for value in ["other", "none", "한국", " ", "", "a\tb", &"x".repeat(1_025)] {
        let expected = format!(
            "rule 1 (A): `by`: D.values has {value:?}, but a dimension's value has 1 to 1024 visible \
             ASCII characters and spaces, and is not `other` or `none`"
        );
        assert_eq!(values(value).unwrap_err(), expected);
    }
}
