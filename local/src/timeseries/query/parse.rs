//! Parses statements.

use jiff::Timestamp;

use super::{Aggregate, Column, Fill, Operand, Select};

/// A statement of `InfluxQL`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::timeseries) enum Statement {
    Select(Select),
    CreateDatabase(String),
    DropDatabase(String),
    ShowDatabases,
    ShowMeasurements,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// A name in double quotes, which is not a keyword.
    Name(String),
    /// A text in single quotes.
    Text(String),
    /// The digits, and the unit, which may be empty.
    Number(String, String),
    Sign(String),
}

/// Parses a statement at `now_ns`.
///
/// # Errors
/// The part that is not supported.
pub(in crate::timeseries) fn parse(text: &str, now_ns: i64) -> Result<Statement, String> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, now_ns };
    let statement = parser.statement()?;
    parser.accept_sign(";");
    match parser.peek() {
        None => Ok(statement),
        Some(token) => Err(format!("unexpected {token:?}")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = |is: fn(char) -> bool| rest.find(|c| !is(c)).unwrap_or(rest.len());
        let (token, length) = match first {
            '"' | '\'' => {
                let end = rest[1..].find(first).ok_or("a quote is not closed")?;
                let inside = rest[1..=end].to_owned();
                let token = if first == '"' { Token::Name(inside) } else { Token::Text(inside) };
                (token, end + 2)
            }
            '0'..='9' => {
                let digits = length(|c| c.is_ascii_digit() || c == '.');
                let unit = &rest[digits..];
                let unit = &unit[..unit.find(|c: char| !c.is_alphabetic()).unwrap_or(unit.len())];
                let number = rest[..digits].to_owned();
                (Token::Number(number, unit.to_owned()), digits + unit.len())
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = length(|c| c.is_ascii_alphanumeric() || c == '_');
                (Token::Word(rest[..length].to_owned()), length)
            }
            '<' | '>' if rest[1..].starts_with('=') => (Token::Sign(rest[..2].to_owned()), 2),
            _ => (Token::Sign(first.to_string()), first.len_utf8()),
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    now_ns: i64,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("the statement ends too early")?;
        self.next += 1;
        Ok(token)
    }

    fn accept_word(&mut self, word: &str) -> bool {
        let is_it =
            matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.next += usize::from(is_it);
        is_it
    }

    fn accept_sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Sign(found)) if found == sign);
        self.next += usize::from(is_it);
        is_it
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        if self.accept_word(word) { Ok(()) } else { Err(format!("expected {word}")) }
    }

    fn sign(&mut self, sign: &str) -> Result<(), String> {
        if self.accept_sign(sign) { Ok(()) } else { Err(format!("expected {sign}")) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.take()? {
            Token::Word(name) | Token::Name(name) => Ok(name),
            token => Err(format!("expected a name instead of {token:?}")),
        }
    }

    fn statement(&mut self) -> Result<Statement, String> {
        if self.accept_word("CREATE") {
            self.word("DATABASE")?;
            return Ok(Statement::CreateDatabase(self.name()?));
        }
        if self.accept_word("DROP") {
            self.word("DATABASE")?;
            return Ok(Statement::DropDatabase(self.name()?));
        }
        if self.accept_word("SHOW") {
            let shown = if self.accept_word("DATABASES") {
                Statement::ShowDatabases
            } else {
                self.word("MEASUREMENTS")?;
                if self.accept_word("LIMIT") {
                    self.take()?;
                }
                Statement::ShowMeasurements
            };
            return Ok(shown);
        }
        self.word("SELECT")?;
        self.select().map(Statement::Select)
    }

    fn select(&mut self) -> Result<Select, String> {
        let mut select = Select::default();
        loop {
            select.columns.push(self.column()?);
            if !self.accept_sign(",") {
                break;
            }
        }
        self.word("FROM")?;
        select.measurement = self.name()?;
        if self.accept_word("WHERE") {
            loop {
                self.condition(&mut select)?;
                if !self.accept_word("AND") {
                    break;
                }
            }
        }
        if self.accept_word("GROUP") {
            self.word("BY")?;
            loop {
                self.dimension(&mut select)?;
                if !self.accept_sign(",") {
                    break;
                }
            }
        }
        if self.accept_word("FILL") {
            self.sign("(")?;
            select.fill = match self.take()? {
                Token::Word(word) if word.eq_ignore_ascii_case("none") => Fill::None,
                Token::Word(word) if word.eq_ignore_ascii_case("null") => Fill::Null,
                Token::Number(digits, _) => Fill::Number(number(&digits)?),
                token => return Err(format!("fill({token:?}) is not supported")),
            };
            self.sign(")")?;
        }
        Ok(select)
    }

    fn column(&mut self) -> Result<Column, String> {
        let first = self.operand()?;
        for operator in ['/', '*', '+', '-'] {
            if self.accept_sign(&operator.to_string()) {
                return Ok(Column { first, then: Some((operator, self.operand()?)) });
            }
        }
        Ok(Column { first, then: None })
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let function = match self.take()? {
            Token::Number(digits, unit) if unit.is_empty() => {
                return Ok(Operand::Number(number(&digits)?));
            }
            Token::Word(function) => function,
            token => return Err(format!("expected an aggregate instead of {token:?}")),
        };
        let aggregate = match function.to_ascii_lowercase().as_str() {
            "sum" => Aggregate::Sum,
            "mean" => Aggregate::Mean,
            "count" => Aggregate::Count,
            "last" => Aggregate::Last,
            _ => return Err(format!("{function}() is not supported")),
        };
        self.sign("(")?;
        let field = self.name()?;
        self.sign(")")?;
        Ok(Operand::Aggregate(aggregate, field))
    }

    fn condition(&mut self, select: &mut Select) -> Result<(), String> {
        let name = self.name()?;
        let Token::Sign(operator) = self.take()? else { return Err("expected an operator".into()) };
        if name != "time" {
            let Token::Text(value) = self.take()? else { return Err("expected a text".into()) };
            if operator != "=" {
                return Err(format!("{operator} is not supported"));
            }
            select.tags.push((name, value));
            return Ok(());
        }
        let time = self.time()?;
        match operator.as_str() {
            ">=" => select.from_ns = Some(time),
            ">" => select.from_ns = Some(time.saturating_add(1)),
            "<" => select.until_ns = Some(time),
            "<=" => select.until_ns = Some(time.saturating_add(1)),
            _ => return Err(format!("time {operator} is not supported")),
        }
        Ok(())
    }

    /// A time in nanoseconds since 1970.
    fn time(&mut self) -> Result<i64, String> {
        match self.take()? {
            Token::Number(digits, unit) => duration(&digits, &unit),
            Token::Text(text) => {
                let time: Timestamp = text.parse().map_err(|_| format!("no time: {text}"))?;
                i64::try_from(time.as_nanosecond()).map_err(|_| format!("no time: {text}"))
            }
            Token::Word(word) if word.eq_ignore_ascii_case("now") => {
                self.sign("(")?;
                self.sign(")")?;
                if !self.accept_sign("-") {
                    return Ok(self.now_ns);
                }
                let Token::Number(digits, unit) = self.take()? else {
                    return Err("expected a duration".into());
                };
                Ok(self.now_ns.saturating_sub(duration(&digits, &unit)?))
            }
            token => Err(format!("expected a time instead of {token:?}")),
        }
    }

    fn dimension(&mut self, select: &mut Select) -> Result<(), String> {
        if !self.accept_word("time") {
            select.by.push(self.name()?);
            return Ok(());
        }
        self.sign("(")?;
        let Token::Number(digits, unit) = self.take()? else {
            return Err("expected a duration".into());
        };
        let window = duration(&digits, &unit)?;
        if window <= 0 {
            return Err("time() must have a length".into());
        }
        select.window_ns = Some(window);
        self.sign(")")
    }
}

fn number(digits: &str) -> Result<f64, String> {
    digits.parse().map_err(|_| format!("{digits} is not a number"))
}

/// A whole number of units, in nanoseconds.
fn duration(digits: &str, unit: &str) -> Result<i64, String> {
    let unit_ns: i64 = match unit {
        "" | "ns" => 1,
        "u" | "µ" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(format!("{unit} is not a unit")),
    };
    let number: i64 = digits.parse().map_err(|_| format!("{digits} is not a whole number"))?;
    Ok(number.saturating_mul(unit_ns))
}
