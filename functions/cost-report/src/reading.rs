//! Reads the data of a report from Cost Explorer.

use aws_sdk_costexplorer::types::{
    AnomalyDateInterval, DateInterval, Dimension, DimensionValues, Expression, Granularity, Metric,
    NumericOperator, TotalImpactFilter,
};
use shared::cost::{CostError, CostQuery, CostRequests, Costs, amount, invalid};

use crate::anomaly::Anomaly;
use crate::config::Config;
use crate::period::{Days, Periods};
use crate::report::{Part, Report, Spending, expected};

/// Number of anomalies per page; the maximum (source: AWS Cost Explorer API reference,
/// `GetAnomalies`).
const PAGE: i32 = 100;

/// Reads a report: first the costs, which are required.
///
/// # Errors
/// If the costs could not be read in full.
pub(crate) async fn read(
    requests: &mut CostRequests<'_>,
    config: &Config,
    periods: Periods,
) -> Result<Report, CostError> {
    let both = query(config, periods.both(), Granularity::Daily, &["SERVICE"]);
    let spending = Spending::of(requests.costs(&both).await?);
    let spending = spending.ok_or_else(|| invalid("a group has no service or another unit"))?;
    let mut report = Report::of(spending, periods, config.top_services);
    if let Some(days) = periods.month_so_far {
        report.month_so_far = part("month so far", month_so_far(requests, config, days).await);
    }
    let mut rest = Part::Off;
    if config.has_forecast {
        rest = part("forecast", forecast(requests, config, periods.rest_of_month).await);
    }
    report.expected = expected(&report.month_so_far, rest);
    if config.has_anomalies {
        report.anomalies = part("anomalies", anomalies(requests, config, periods.both()).await);
    }
    Ok(report)
}

fn part<T>(what: &str, read: Result<T, CostError>) -> Part<T> {
    let error = match read {
        Ok(value) => return Part::Read(value),
        Err(error) => error,
    };
    tracing::error!(what, %error, "failed to read a part of the report");
    match error {
        CostError::Spent(_) => Part::NotRead,
        CostError::Failed(failure) => {
            Part::NotAvailable(failure.code.unwrap_or_else(|| "NoAnswer".to_owned()))
        }
    }
}

fn query<'a>(
    config: &'a Config,
    days: Days,
    granularity: Granularity,
    group_by: &'a [&'a str],
) -> CostQuery<'a> {
    let Days { start, end } = days;
    CostQuery { start, end, granularity, metric: config.metric, filter: filter(config), group_by }
}

/// Selects the record types that are not excluded.
fn filter(config: &Config) -> Option<Expression> {
    let excluded = DimensionValues::builder().key(Dimension::RecordType);
    let excluded = excluded.set_values(Some(config.excluded.clone())).build();
    let excluded = Expression::builder().dimensions(excluded).build();
    (!config.excluded.is_empty()).then(|| Expression::builder().not(excluded).build())
}

async fn month_so_far(
    requests: &mut CostRequests<'_>,
    config: &Config,
    days: Days,
) -> Result<f64, CostError> {
    let costs = requests.costs(&query(config, days, Granularity::Monthly, &[])).await?;
    let value = |costs: &Costs| costs.total.as_ref().map(|total| total.value);
    let sum: Option<f64> = costs.iter().map(value).sum();
    sum.ok_or_else(|| invalid("a month has no total"))
}

async fn forecast(
    requests: &mut CostRequests<'_>,
    config: &Config,
    days: Days,
) -> Result<f64, CostError> {
    let interval = DateInterval::builder().start(days.start.to_string()).end(days.end.to_string());
    let interval = interval.build().ok();
    let response = requests.send(|client| {
        client
            .get_cost_forecast()
            .set_time_period(interval.clone())
            .metric(forecast_metric(config.metric))
            .granularity(Granularity::Monthly)
            .set_filter(filter(config))
            .send()
    });
    let total = response.await?.total.as_ref().and_then(amount);
    Ok(total.ok_or_else(|| invalid("the forecast has no total"))?.value)
}

/// The metric's name in a forecast.
fn forecast_metric(metric: &str) -> Metric {
    match metric {
        "BlendedCost" => Metric::BlendedCost,
        "AmortizedCost" => Metric::AmortizedCost,
        "NetUnblendedCost" => Metric::NetUnblendedCost,
        "NetAmortizedCost" => Metric::NetAmortizedCost,
        _ => Metric::UnblendedCost,
    }
}

/// The anomalies that ended on these days, the highest impact first.
async fn anomalies(
    requests: &mut CostRequests<'_>,
    config: &Config,
    days: Days,
) -> Result<Vec<Anomaly>, CostError> {
    // The interval includes its last day.
    let interval = AnomalyDateInterval::builder();
    let interval = interval.start_date(days.start.to_string()).end_date(days.last().to_string());
    let interval = interval.build().ok();
    let least = config.thresholds.amount;
    let impact = TotalImpactFilter::builder();
    let impact = impact.numeric_operator(NumericOperator::GreaterThanOrEqual).start_value(least);
    let impact = impact.build().ok();
    let mut found: Vec<Anomaly> = Vec::new();
    let mut page = None;
    loop {
        let response = requests.send(|client| {
            client
                .get_anomalies()
                .set_date_interval(interval.clone())
                .set_total_impact(impact.clone())
                .max_results(PAGE)
                .set_next_page_token(page.clone())
                .send()
        });
        let response = response.await?;
        found.extend(response.anomalies.into_iter().filter_map(Anomaly::reported));
        page = response.next_page_token.filter(|token| !token.is_empty());
        if page.is_none() {
            break;
        }
    }
    let impact = |anomaly: &Anomaly| anomaly.impact.unwrap_or_default();
    found.retain(|anomaly| impact(anomaly) >= least);
    found.sort_by(|a, b| impact(b).total_cmp(&impact(a)).then_with(|| a.id.cmp(&b.id)));
    Ok(found)
}
