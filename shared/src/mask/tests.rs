use proptest::prelude::*;

use super::{MASK, mask};

fn masked(text: &str) -> String {
    mask(text, &[])
}

#[test]
fn values_are_masked_in_every_form() {
    for (text, expected) in [
        ("password=hunter2 user=ada", "password=*** user=ada"),
        ("PASSWORD: hunter2, user: ada", "PASSWORD: ***, user: ada"),
        (r#"{"token":"abc","user":"ada"}"#, r#"{"token":"***","user":"ada"}"#),
        (r#"{"client_secret" : "a\"b","c":1}"#, r#"{"client_secret" : "***","c":1}"#),
        (
            r#"{"body":"{\"apiKey\":\"a b\",\"n\":1}"}"#,
            r#"{"body":"{\"apiKey\":\"***\",\"n\":1}"}"#,
        ),
        (r#""{\\\"key\\\":\\\"a\\\"}""#, r#""{\\\"key\\\":\\\"***\\\"}""#),
        (r#"{"secret":{"a":["x","}"]},"b":2}"#, r#"{"secret":***,"b":2}"#),
        (r#"{"keys":["x","y"],"b":2}"#, r#"{"keys":***,"b":2}"#),
        (r#"{"password":1234,"b":2}"#, r#"{"password":***,"b":2}"#),
        ("{'x-api-key': 'abc', 'b': 'c'}", "{'x-api-key': '***', 'b': 'c'}"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/K7+=", "AWS_SECRET_ACCESS_KEY=***"),
        ("Authorization: Basic dTpw\nHost: h", "Authorization: ***\nHost: h"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=A/b, Signature=c", "Authorization: ***"),
        (r#"{"authorization":"Bearer a.b.c","path":"/"}"#, r#"{"authorization":"***","path":"/"}"#),
        ("sent Bearer eyJ.a-b_c to h", "sent Bearer *** to h"),
        ("bearer abc", "bearer ***"),
        ("invalid Bearer token eyJ.a-b_c, expired", "invalid Bearer token ***, expired"),
        ("bearer token: eyJ.a", "bearer token: ***"),
        ("access_token: Bearer eyJ.a-b_c expired", "access_token: Bearer *** expired"),
        ("curl --token Bearer eyJ.a-b_c", "curl --token Bearer ***"),
        ("token=Bearer", "token=***"),
        (
            "PRIVATE_KEY=-----BEGIN PRIVATE KEY-----\nMIIE v+/=\n-----END PRIVATE KEY-----\nPORT=1",
            "PRIVATE_KEY=***\nPORT=1",
        ),
        ("private key -----BEGIN RSA PRIVATE KEY----- MIIE", "private key ***"),
        (
            r#"{"url":"?password\u003dhunter2\u0026a\u003d1"}"#,
            r#"{"url":"?password\u003d***\u0026a\u003d1"}"#,
        ),
        ("Bearer: abc", "Bearer: ***"),
        ("bearer='a b'", "bearer='***'"),
        ("ALTER USER ada PASSWORD 'hunter 2';", "ALTER USER ada PASSWORD '***';"),
        ("ALTER USER ada PASSWORD 'hunter2", "ALTER USER ada PASSWORD '***"),
        (
            "COPY plays FROM 's3://b/' ACCESS_KEY_ID 'AKIA12' SECRET_ACCESS_KEY 'wJal/K7' REGION 'r'",
            "COPY plays FROM 's3://b/' ACCESS_KEY_ID '***' SECRET_ACCESS_KEY '***' REGION 'r'",
        ),
        (r#"{"sql":"PASSWORD \"hunter2\""}"#, r#"{"sql":"PASSWORD \"***\""}"#),
        ("psql --password 'hunter' --host h", "psql --password '***' --host h"),
        ("my-tokens: 12.50, 7 USD", "my-tokens: ***, 7 USD"),
        ("token=12.50 usd", "token=*** usd"),
        ("token=12.50 USDT", "token=*** USDT"),
        ("token=1250 USD", "token=*** USD"),
        ("token=1a.50 USD", "token=*** USD"),
        ("https://ada:hunter2@host/p?a=1", "https://***@host/p?a=1"),
        ("https://h/v1?key=AIza&token=a%3D&x=1", "https://h/v1?key=***&token=***&x=1"),
        ("password=Tr0ub4dor&3 host=db", "password=*** host=db"),
        ("https://h/v1?key=AIza&x[]=1&token=a&b", "https://h/v1?key=***&x[]=1&token=***"),
        ("redirect=https%3A%2F%2Fh%3Ftoken%3Dabc", "redirect=https%3A%2F%2Fh%3Ftoken%3D***"),
        ("config[password] => hunter2", "config[password] => ***"),
        ("psql --password hunter --host h", "psql --password *** --host h"),
        ("login with password hunter2 failed", "login with password *** failed"),
        ("token := abc", "token := ***"),
        ("passwd: \"never closed", "passwd: \"***"),
        ("token: `abc` x", "token: `***` x"),
        (
            r#"Config { password: Some("a )\"b"), user: "ada" }"#,
            "Config { password: ***, user: \"ada\" }",
        ),
        (r#"secret: Secret { value: "a" }, n: 1"#, "secret: ***, n: 1"),
        (r#"key: Some(Key("a")), n: 1"#, "key: ***, n: 1"),
        (r#"as Password("a"), n: 1"#, "as Password***, n: 1"),
        (r#"Token { of: "a" }, n: 1"#, "Token ***, n: 1"),
        ("password=a(b)c d", "password=*** d"),
        ("{'token': b'abc', 'n': 1}", "{'token': b'***', 'n': 1}"),
        ("<a><password>x y</password></a>", "<a><password>***</password></a>"),
    ] {
        assert_eq!(masked(text), expected, "{text}");
    }
}

#[test]
fn ordinary_text_is_unchanged() {
    for text in [
        "KeyError: 'artist'",
        "ExpiredTokenException: The security token included in the request is expired",
        "token bucket is empty",
        "the secret could not be used",
        "password is wrong",
        "missing key 'artist_id'",
        "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
        "the token's value, and the key 's_1",
        "the token 'til 2027",
        "a key",
        "GET <key> of <a/>",
        "",
        "https://host/a@b",
        "my-tokens: 12.50 USD a month saved",
        "my-keys: -1234.56 EUR (+11.1 %)",
        "API tokens 12345.60 USD",
        "monkeys and keyboards",
        "Flow run etl/curious-monkey: QualityGate",
        "Flow run etl/rapid-turkey: Failed",
        "Task run etl/proud-fox/load_tokens-0: Failed",
        "refresh-key: AwaitingRetry",
        "재생 실패: 시간 초과 🔥",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn masking_takes_linear_time() {
    // Each of these would take hours if the rest were searched from every name.
    for part in [
        "key|",
        "key ",
        "key=",
        "key:\"",
        "key:{",
        "://a",
        "key=&",
        "bearer|",
        "key\\\"",
        "\\\"",
        "<key>",
        "<key> ",
        "key(\"",
        "key:a( ",
        "key:a {",
        "token '",
        "token '`\"",
        "token: bearer ",
        "bearer token '",
        "key=-----BEGIN ",
        "key=-----BEGIN -----END ",
        "key \\\"",
    ] {
        let text = part.repeat(1_000_000 / part.len());
        assert!(masked(&text).len() <= 2 * text.len(), "{part}");
    }
}

#[test]
fn literals_are_masked_wherever_they_are() {
    let literals = ["AIzaSy".to_owned(), String::new()];
    assert_eq!(mask("posted with AIzaSy", &literals), "posted with ***");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_remains(
        name in "(my_|X-|db\\.)?(password|PASSWORD|secret|clientSecret|token|apiKey|access_key|Authorization)",
        secret in "[A-Za-z0-9+/_-]{8,40}",
        form in 0_usize..8,
        before in "[ -~]{0,20} ",
        after in "( [a-z ]{0,20})?",
    ) {
        let written = match form {
            0 => format!("{name}={secret}"),
            1 => format!("{name}: {secret}"),
            2 => format!("\"{name}\":\"{secret}\""),
            3 => format!("\\\"{name}\\\": \\\"{secret}\\\""),
            4 => format!("'{name}': '{secret}'"),
            5 => format!("https://host/path?{name}={secret}&a=b"),
            6 => format!("Bearer {secret}"),
            _ => format!("https://{name}:{secret}@host/"),
        };
        let text = format!("{before}{written}{after}");
        let masked = mask(&text, &[]);
        prop_assert!(!masked.contains(&secret) || before.contains(&secret), "{}", masked);
        prop_assert!(masked.contains(MASK));
    }

    #[test]
    fn masking_again_changes_nothing(text in "\\PC{0,60}|[\\\\\"'{}:=@/ kKey\n]{0,60}") {
        let once = mask(&text, &[]);
        prop_assert_eq!(mask(&once, &[]), once);
    }
}
