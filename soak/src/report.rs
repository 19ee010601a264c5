//! The results of a run, in Markdown.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::books::Closed;
use crate::disturbance::Disturbances;
use crate::growth::Growth;

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    /// How long messages were sent.
    pub(crate) sent_for: Duration,
    /// The total time, including the settling.
    pub(crate) took: Duration,
    pub(crate) servers: [String; 3],
    /// Number of valid readings.
    pub(crate) readings: usize,
    pub(crate) closed: Closed,
    /// Number of windows that were compared.
    pub(crate) windows: usize,
    pub(crate) done: Disturbances,
    /// Number of invocations of the functions that watch.
    pub(crate) watched: u64,
    pub(crate) growth: Vec<Growth>,
    pub(crate) discrepancies: Vec<String>,
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { seed, sent_for, took, servers, closed, done, .. } = self;
        let [opensearch, sqs, store] = servers;
        let (sent_for, took) = (sent_for.as_secs(), took.as_secs());
        writeln!(
            out,
            "Seed {seed}; messages were sent for {sent_for} s, and everything was in its place after \
             {took} s. {opensearch}, {sqs}, {store}.\n"
        )?;
        writeln!(out, "| pipeline | must be | messages |\n|---|---|--:|")?;
        for ((pipeline, fate), messages) in &closed.sent {
            writeln!(out, "| {pipeline} | {fate} | {messages} |")?;
        }
        writeln!(out, "| sensors | points, in {} windows | {} |", self.windows, self.readings)?;
        writeln!(
            out,
            "\n{} faults of servers, {} kills, {} reshards; {} messages redriven, {} parked for a time or \
             for good, {} objects of the backup loaded again, {} copies of refused messages; {} \
             invocations of the functions that watch.\n",
            done.faults.get(),
            done.kills.get(),
            done.reshards.get(),
            done.redriven.get(),
            done.parked.get(),
            done.replayed.get(),
            closed.copies,
            self.watched
        )?;
        writeln!(
            out,
            "| function | memory, MB: first quarter | last | most | descriptors: first | last | most |\n\
             |---|--:|--:|--:|--:|--:|--:|"
        )?;
        self.growth.iter().try_for_each(|growth| writeln!(out, "{growth}"))?;
        if self.discrepancies.is_empty() {
            return write!(
                out,
                "\nThe books close: nothing is lost, nothing is twice, nothing grows."
            );
        }
        write!(out, "\nThe books do not close:\n- {}", self.discrepancies.join("\n- "))
    }
}
