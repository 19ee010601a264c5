use testkit::{FUNCTION_NAME, LAMBDA};

use super::*;

const REQUIRED: [(&str, &str); 3] = [
    ("TSDB_WRITE_URL", "https://influx.test:8086/api/v2/write?org=o&bucket=b"),
    ("TSDB_TOKEN", "hush"),
    ("QUARANTINE_QUEUE_URL", "http://127.0.0.1:9324/1/quarantine"),
];

/// Adds these variables to the required ones; the last value of a variable is used.
fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = LAMBDA.iter().chain(&REQUIRED).chain(variables);
    Config::from_environment(&variables.copied().collect())
}

#[test]
fn has_the_documented_defaults() {
    let config = config(&[]).unwrap();
    assert_eq!(config.function_name, FUNCTION_NAME);
    assert_eq!((config.log_level, &*config.metrics_namespace), (Level::INFO, "Sluice"));
    assert_eq!(
        config.store.url.to_string(),
        "https://influx.test:8086/api/v2/write?org=o&bucket=b&precision=ns"
    );
    let Auth::Header(header) = &config.store.auth else { panic!("{:?}", config.store.auth) };
    assert_eq!(header, "Token hush");
    assert!(config.store.gzip);
    assert_eq!(config.max_lines, 5_000);
    assert_eq!(config.quarantine_url, REQUIRED[2].1);
    assert_eq!(config.deadline_margin, Duration::from_secs(1));
}

#[test]
fn reads_every_variable() {
    let config = config(&[
        ("TSDB_GZIP", "off"),
        ("WRITE_MAX_LINES", "100000"),
        ("DEADLINE_MARGIN_MS", "0"),
        ("TIMESTAMP_FIELDS", "at"),
        ("LOG_LEVEL", "debug"),
        ("METRICS_NAMESPACE", "Team"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets"),
    ])
    .unwrap();
    assert!(!config.store.gzip);
    assert_eq!((config.max_lines, config.deadline_margin), (100_000, Duration::ZERO));
    assert_eq!((config.log_level, &*config.metrics_namespace), (Level::DEBUG, "Team"));
    assert_eq!(config.aws.endpoint(SECRETS_MANAGER), Some("http://secrets"));
}

#[test]
fn reads_every_way_to_sign_in() {
    let header = |variables: &[(&str, &str)]| match config(variables).unwrap().store.auth {
        Auth::Header(header) => {
            assert!(header.is_sensitive());
            header.to_str().unwrap().to_owned()
        }
        other => format!("{other:?}"),
    };
    let [auth, user, password] =
        [("TSDB_AUTH", "basic"), ("TSDB_USERNAME", "ada"), ("TSDB_PASSWORD", "p@ss:w/rd")];
    let secret = ("TSDB_SECRET_ARN", "arn:secret");
    assert_eq!(header(&[("TSDB_AUTH", "bearer")]), "Bearer hush");
    // "ada:p@ss:w/rd"
    assert_eq!(header(&[auth, user, password]), "Basic YWRhOnBAc3M6dy9yZA==");
    assert_eq!(header(&[auth, user, password, secret]), "Basic YWRhOnBAc3M6dy9yZA==");
    assert_eq!(header(&[auth, secret]), "Secret(\"arn:secret\", Basic)");
    assert_eq!(header(&[("TSDB_TOKEN", ""), secret]), "Secret(\"arn:secret\", Token)");
    assert_eq!(header(&[("TSDB_AUTH", "none"), secret]), "None");
}

#[test]
fn the_precision_is_nanoseconds() {
    let url = |text: &str| parse_write_url(text).map(|url| url.to_string());
    for (text, expected) in [
        ("http://h/write?db=d", "http://h/write?db=d&precision=ns"),
        ("http://h:8181/api/v3/write_lp", "http://h:8181/api/v3/write_lp?precision=ns"),
        ("https://h/write?precision=ns&db=d", "https://h/write?precision=ns&db=d"),
    ] {
        assert_eq!(url(text).as_deref(), Some(expected));
    }
    for text in [
        "http://h/write?db=d&precision=ms",
        "http://h/write?precision=nanosecond",
        "http://h/write?precision",
        "http://h/write?precision=ns&precision=s",
        "http://a:hush@h/write",
        "ftp://h/write",
        "h/write",
        "http://h",
        "http://h?db=d",
        "http://h/write?db=d#x",
        "http://h/write?db=d e",
        "",
    ] {
        assert_eq!(url(text), None, "{text}");
    }
}

#[test]
fn errors_name_variable_value_and_what_is_allowed() {
    let url = "the whole URL that takes line protocol, such as https://";
    let token = "none, or TSDB_TOKEN or TSDB_SECRET_ARN must be set";
    for (variables, expected) in [
        (&[("TSDB_WRITE_URL", "https://a:hush@h/write")][..], format!("TSDB_WRITE_URL is \"…\", but must be {url}")),
        (&[("TSDB_WRITE_URL", "http://h/write?p=hush&precision=s")], format!("TSDB_WRITE_URL is \"…\", but must be {url}")),
        (&[("TSDB_WRITE_URL", "")], format!("TSDB_WRITE_URL is \"\", but must be {url}")),
        (&[("QUARANTINE_QUEUE_URL", "hush")], "QUARANTINE_QUEUE_URL is \"…\", but must be the URL of a queue, such as".to_owned()),
        (&[("TSDB_AUTH", "Token")], "TSDB_AUTH is \"Token\", but must be token, bearer, basic or none".to_owned()),
        (&[("TSDB_TOKEN", "")], format!("TSDB_AUTH is \"token\", but must be {token}")),
        (&[("TSDB_TOKEN", ""), ("TSDB_AUTH", "bearer")], format!("TSDB_AUTH is \"bearer\", but must be {token}")),
        (&[("TSDB_AUTH", "basic"), ("TSDB_USERNAME", "a")], "TSDB_AUTH is \"basic\", but must be none, or TSDB_USERNAME and TSDB_PASSWORD or TSDB_SECRET_ARN must be set".to_owned()),
        (&[("TSDB_TOKEN", "hush\nhush")], "TSDB_TOKEN is \"…\", but must be a text without line breaks".to_owned()),
        (&[("TSDB_AUTH", "basic"), ("TSDB_USERNAME", "a:hush"), ("TSDB_PASSWORD", "hush")], "TSDB_USERNAME is \"…\", but must be a name without a colon".to_owned()),
        (&[("TSDB_GZIP", "yes")], "TSDB_GZIP is \"yes\", but must be on or off".to_owned()),
        (&[("WRITE_MAX_LINES", "0")], "WRITE_MAX_LINES is \"0\", but must be a whole number from 1 to 100000".to_owned()),
        (&[("WRITE_MAX_LINES", "100001")], "WRITE_MAX_LINES is \"100001\", but must be a whole".to_owned()),
        (&[("DEADLINE_MARGIN_MS", "-1")], "DEADLINE_MARGIN_MS is \"-1\", but must be a whole number from 0 to 900000".to_owned()),
        (&[("TIMESTAMP_FIELDS", "a.b.c")], "TIMESTAMP_FIELDS is \"a.b.c\", but must be names or two-segment paths".to_owned()),
        (&[("TIMESTAMP_MIN", "soon")], "TIMESTAMP_MIN is \"soon\", but must be an RFC 3339 time".to_owned()),
        (&[("SERIES", "{}")], "SERIES is \"{}\", but must be a series in JSON, {\"measurement\":…".to_owned()),
        (&[("SERIES", "@none.json")], "SERIES is \"@none.json\", but must be a series in JSON".to_owned()),
        (&[("LOG_LEVEL", "loud")], "LOG_LEVEL is \"loud\", but must be error, warn".to_owned()),
    ] {
        let error = config(variables).unwrap_err().to_string();
        assert!(error.starts_with(&expected), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    for missing in ["TSDB_WRITE_URL", "QUARANTINE_QUEUE_URL"] {
        let variables = LAMBDA.iter().chain(&REQUIRED).filter(|(name, _)| *name != missing);
        let error = Config::from_environment(&variables.copied().collect()).unwrap_err();
        assert!(error.to_string().starts_with(missing), "{error}");
    }
}

#[test]
fn secrets_are_in_no_debug_output() {
    let debug = format!("{:?}", config(&[]).unwrap().store.auth);
    assert!(!debug.contains("hush"), "{debug}");
}
