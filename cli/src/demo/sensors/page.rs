//! The windows as a web page: the panels of the dashboard, from the answers of the store.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use local::timeseries::{Figure, Panel, Windows};

use crate::demo::card::{document, escaped};

/// Size of a drawing, and where its plot begins: the values are to its left, the times below it.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 68.0;
const BELOW: f64 = 18.0;

/// Height of a machine's row.
const ROW: f64 = 10.0;

/// Maximum number of times below a plot.
const TIMES: u64 = 8;

const COLORS: [&str; 6] = ["#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#b08a00"];

const STYLE: &str = "body{margin:0;padding:16px;width:1184px;background:#f4f5f5;\
     font:13px/1.4 Roboto,'Noto Sans','DejaVu Sans',sans-serif;color:#24292e}\
     h1{font-size:16px;margin:0}p{margin:2px 0 12px;color:#5f6368}main{display:grid;gap:8px;\
     grid-template-columns:1fr 1fr;grid-template-rows:repeat(4,auto);grid-auto-flow:column}\
     figure{margin:0;padding:8px 10px;background:#fff;border:1px solid #dcdee0;border-radius:3px}\
     figcaption{font-weight:600;margin-bottom:4px}svg{display:block;width:100%}\
     text{font-size:10px;fill:#5f6368}span{margin-right:14px;white-space:nowrap}\
     b{display:inline-block;width:14px;height:3px;margin:0 5px 3px 0}";

/// A web page with these panels: windows of one minute to the left, of five to the right.
pub(super) fn page(store: &str, sent_ms: &Range<u64>, panels: &[(Panel, Windows)]) -> String {
    let starts = panels.iter().flat_map(|(_, windows)| windows.keys().map(|(_, start)| *start));
    let ends = panels.iter().flat_map(|(panel, windows)| {
        windows.keys().map(|(_, start_ms)| start_ms + panel.window_ms())
    });
    let shown_ms = starts.min().unwrap_or_default()..ends.max().unwrap_or_default();
    let figure = |(panel, windows): &(Panel, Windows)| {
        let plot = Plot { panel, by_tag: by_tag(windows), shown_ms: shown_ms.clone() };
        format!("<figure><figcaption>{}</figcaption>{}</figure>\n", panel.title, plot.draw())
    };
    let figures = panels.iter().map(figure).collect::<Vec<_>>().concat();
    let [from, until] = [sent_ms.start, sent_ms.end].map(|ms| clock(ms, "%H:%M:%S"));
    let body = format!(
        "<h1>Readings of machines</h1><p>The queries of dashboards/sensors.json, asked from {}: not a \
         screenshot of Grafana. Readings from {from} to {until} UTC: the first and the last windows are \
         not whole.</p>\n<main>{figures}</main>",
        escaped(store)
    );
    document("Readings of machines", STYLE, &body)
}

/// By tag, the starts of the windows and their values.
type ByTag<'a> = BTreeMap<&'a str, Vec<(u64, f64)>>;

fn by_tag(windows: &Windows) -> ByTag<'_> {
    let mut by_tag = ByTag::new();
    for ((tag, start_ms), value) in windows {
        by_tag.entry(tag).or_default().push((*start_ms, *value));
    }
    by_tag
}

struct Plot<'a> {
    panel: &'a Panel,
    by_tag: ByTag<'a>,
    shown_ms: Range<u64>,
}

impl Plot<'_> {
    fn draw(&self) -> String {
        let (height, drawn, legend) = match self.panel.figure {
            Figure::Availability => self.rows(),
            _ => self.lines(),
        };
        let times = self.times(height);
        let whole = height + BELOW;
        format!("<svg viewBox=\"0 0 {WIDTH} {whole}\">{times}{drawn}</svg><div>{legend}</div>")
    }

    /// A line of steps for each tag; height, drawing and legend.
    fn lines(&self) -> (f64, String, String) {
        let values = self.by_tag.values().flatten().map(|(_, value)| *value);
        let top = round_up(values.fold(0.0, f64::max));
        let y = |value: f64| HEIGHT - value / top * (HEIGHT - 8.0);
        let axis = [0.0, 0.5, 1.0]
            .map(|part| {
                let (y, value) = (y(top * part), self.shown(top * part));
                format!(
                    "<path d=\"M{LEFT} {y:.1}H{WIDTH}\" stroke=\"#e4e7e7\"/>\
                     <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                    LEFT - 6.0,
                    y + 3.5
                )
            })
            .concat();
        let (mut drawn, mut legend) = (vec![axis], Vec::new());
        for ((tag, values), color) in self.by_tag.iter().zip(COLORS.iter().cycle()) {
            let mut steps = Vec::new();
            let mut end = None;
            for (start_ms, value) in values {
                let y = y(*value);
                steps.push(if end == Some(*start_ms) {
                    format!("V{y:.1}")
                } else {
                    format!("M{:.1} {y:.1}", self.x(*start_ms))
                });
                let end_ms = start_ms + self.panel.window_ms();
                steps.push(format!("H{:.1}", self.x(end_ms)));
                end = Some(end_ms);
            }
            drawn.push(format!(
                "<path d=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>",
                steps.concat()
            ));
            let tag = escaped(tag);
            legend.push(format!("<span><b style=\"background:{color}\"></b>{tag}</span>"));
        }
        (HEIGHT, drawn.concat(), legend.concat())
    }

    /// A row of cells for each tag, from red for 0 to green for 1; height, drawing and legend.
    fn rows(&self) -> (f64, String, String) {
        let mut drawn = Vec::new();
        let mut y = 0.0;
        for (tag, values) in &self.by_tag {
            let tag = escaped(tag);
            drawn.push(format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{tag}</text>",
                LEFT - 6.0,
                y + ROW - 1.0
            ));
            for (start_ms, value) in values {
                let [x, end] = [*start_ms, start_ms + self.panel.window_ms()].map(|at| self.x(at));
                drawn.push(format!(
                    "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" \
                     fill=\"hsl({:.0} 50% 60%)\"><title>{tag} {}: {}</title></rect>",
                    end - x - 1.0,
                    ROW - 1.0,
                    value * 120.0,
                    clock(*start_ms, "%H:%M"),
                    self.shown(*value)
                ));
            }
            y += ROW;
        }
        let legend = [0.0, 0.5, 1.0].map(|value| {
            let color = value * 120.0;
            let style = format!("background:hsl({color} 50% 60%)");
            format!("<span><b style=\"{style}\"></b>{}</span>", self.shown(value))
        });
        (y, drawn.concat(), legend.concat())
    }

    /// The times below a plot of this height.
    fn times(&self, height: f64) -> String {
        let window_ms = self.panel.window_ms();
        let windows = (self.shown_ms.end - self.shown_ms.start) / window_ms;
        let step_ms = windows.div_ceil(TIMES).max(1) * window_ms;
        let mut drawn = Vec::new();
        let mut at_ms = self.shown_ms.start;
        while at_ms < self.shown_ms.end {
            let (x, time) = (self.x(at_ms), clock(at_ms, "%H:%M"));
            drawn.push(format!(
                "<path d=\"M{x:.1} 0V{height}\" stroke=\"#eef0f0\"/>\
                 <text x=\"{x:.1}\" y=\"{}\">{time}</text>",
                height + BELOW - 5.0
            ));
            at_ms += step_ms;
        }
        drawn.concat()
    }

    /// The horizontal position of a time.
    #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds")]
    fn x(&self, at_ms: u64) -> f64 {
        let [all, before] =
            [self.shown_ms.end, at_ms].map(|ms| ms.saturating_sub(self.shown_ms.start) as f64);
        LEFT + (WIDTH - LEFT) * before / all.max(1.0)
    }

    fn shown(&self, value: f64) -> String {
        match self.panel.figure {
            Figure::Throughput => format!("{value:.0}"),
            Figure::Availability | Figure::DefectRate => format!("{:.1} %", value * 100.0),
            Figure::EnergyPerProduct => format!("{value:.4} kWh"),
        }
    }
}

/// The next of 1, 1.5, 2, 3 and 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value).unwrap_or(value)
}

/// A time of day in UTC.
fn clock(ms: u64, format: &str) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.unwrap_or_default().strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use local::timeseries::panels;

    use super::*;

    fn windows(rows: &[(&str, u64, f64)]) -> Windows {
        rows.iter()
            .map(|(tag, minute, value)| (((*tag).to_owned(), minute * 60_000), *value))
            .collect()
    }

    #[test]
    fn windows_are_steps_with_gaps_and_machines_are_rows() {
        let [throughput, availability, ..] = &panels()[..] else { panic!() };
        // A minute is 123 wide, 200 items are 162 high.
        let lines =
            windows(&[("L1", 0, 100.0), ("L1", 1, 200.0), ("L1", 3, 50.0), ("<L2>", 0, 0.0)]);
        let rows = windows(&[("M1", 0, 0.5), ("M1", 1, 1.0), ("M2", 0, 0.0)]);
        let panels = [(throughput.clone(), lines), (availability.clone(), rows)];
        let page = page("a <store>", &(5_000..205_000), &panels);
        for expected in [
            "<figcaption>Throughput, windows of 1 minute</figcaption>",
            "<path d=\"M68.0 89.0H191.0V8.0H314.0M437.0 129.5H560.0\"",
            "</b>&lt;L2&gt;</span>",
            ">200</text>",
            ">00:03</text>",
            "<rect x=\"191.0\" y=\"0\" width=\"122.0\" height=\"9\" fill=\"hsl(120 50% 60%)\">",
            "<title>M2 00:00: 0.0 %</title>",
            "asked from a &lt;store&gt;",
            "Readings from 00:00:05 to 00:03:25 UTC",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
    }

    #[test]
    fn an_axis_ends_with_a_round_value() {
        let cases = [(0.0, 1e-9), (0.031, 0.05), (1.0, 1.0), (1.1, 1.5), (19_000.0, 20_000.0)];
        for (value, expected) in cases {
            assert!((round_up(value) / expected - 1.0).abs() < 1e-6, "{value}");
        }
    }
}
