//! The costs of x86 machines, and how many run now.

use std::collections::BTreeMap;

use aws_sdk_costexplorer::types::{Dimension, DimensionValues, Expression, Granularity};
use aws_sdk_lambda::types::Architecture;
use jiff::ToSpan;
use jiff::civil::Date;
use shared::aws::CallFailure;
use shared::aws::query::{EC2, Element, Parameters, RDS};
use shared::cost::{CallTime, CostError, CostQuery};

use crate::clients::{Clients, Listed, PAGE, Pages, failure, sent};
use crate::graviton::{Cost, Machine, SERVICES, costs};

/// The days whose costs are read.
const DAYS: i64 = 30;
/// Days before today whose costs still change.
const SETTLE_DAYS: i64 = 1;
/// Maximum number of functions that are counted.
const MAX_FUNCTIONS: usize = 10_000;

/// The costs of machines in all regions in the last 30 settled days.
pub(crate) async fn read(
    clients: &Clients,
    max_requests: u32,
    today: Date,
    time: CallTime,
) -> Result<BTreeMap<Machine, Cost>, CallFailure> {
    let end = today.saturating_sub(SETTLE_DAYS.days());
    let services = DimensionValues::builder().key(Dimension::Service);
    let services = services.set_values(Some(SERVICES.map(str::to_owned).into())).build();
    let filter = Expression::builder().dimensions(services).build();
    let query = CostQuery {
        start: end.saturating_sub(DAYS.days()),
        end,
        granularity: Granularity::Monthly,
        metric: "AmortizedCost",
        filter: Some(filter),
        group_by: &["USAGE_TYPE", "OPERATION"],
    };
    let mut requests = clients.explorer.requests(max_requests, time);
    let read = requests.costs(&query).await.map_err(|error| match error {
        CostError::Spent(_) => failure("CostRequestsUsedUp", &error.to_string()),
        CostError::Failed(failure) => failure,
    })?;
    let groups = read.iter().flat_map(|costs| &costs.groups);
    Ok(costs(groups.map(|(keys, amount)| (&keys[..], amount.value))))
}

/// Number of machines that run now, by instance type.
pub(crate) async fn instances(
    clients: &Clients,
    time: CallTime,
) -> Result<BTreeMap<String, usize>, CallFailure> {
    let running = Parameters::new()
        .with("Filter.1.Name", "instance-state-name")
        .with("Filter.1.Value.1", "running")
        .with("MaxResults", PAGE);
    let path = ["reservationSet", "instancesSet"];
    let kind = |item: &Element| item.text("instanceType").map(str::to_owned);
    let list = clients.list(EC2, "DescribeInstances", &running, &path, kind, time).await;
    counted(list)
}

/// Number of databases, by class.
pub(crate) async fn databases(
    clients: &Clients,
    time: CallTime,
) -> Result<BTreeMap<String, usize>, CallFailure> {
    let page = Parameters::new().with("MaxRecords", "100");
    let class = |item: &Element| item.text("DBInstanceClass").map(str::to_owned);
    let list = clients.list(RDS, "DescribeDBInstances", &page, &["DBInstances"], class, time).await;
    counted(list)
}

fn counted((names, failure): Listed<String>) -> Result<BTreeMap<String, usize>, CallFailure> {
    if let Some(failure) = failure {
        return Err(failure);
    }
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    Ok(counts)
}

/// Number of functions with the architecture `x86_64`.
pub(crate) async fn functions(clients: &Clients, time: CallTime) -> Result<usize, CallFailure> {
    let (mut functions, mut pages, mut marker) = (BTreeMap::new(), Pages::default(), None);
    loop {
        let call = clients.lambda().list_functions().set_marker(marker);
        let page = sent(time, call.send()).await?;
        // Without an architecture, it is x86_64.
        let is_arm = |one: &Architecture| *one == Architecture::Arm64;
        functions.extend(page.functions.unwrap_or_default().into_iter().map(|function| {
            let is_x86 = !function.architectures().iter().any(is_arm);
            (function.function_name, is_x86)
        }));
        if functions.len() > MAX_FUNCTIONS {
            return Err(failure("TooMany", "more than 10,000 functions"));
        }
        marker = pages.next(page.next_marker)?;
        if marker.is_none() {
            return Ok(functions.values().filter(|is_x86| **is_x86).count());
        }
    }
}
