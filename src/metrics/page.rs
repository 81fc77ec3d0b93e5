//! What is rendered anew at each scrape: a registry that lives for one.

use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{GaugeVec, IntCounterVec, Registry};

use crate::domain::{Latency, StackId};

use super::table;

pub(super) struct Page {
    registry: Registry,
    histograms: Vec<MetricFamily>,
}

impl Page {
    pub(super) fn new() -> Self {
        Self { registry: Registry::new(), histograms: Vec::new() }
    }

    /// Everything on it.
    pub(super) fn families(self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        families.extend(self.histograms);
        families
    }

    pub(super) fn gauge(&self, name: &str) -> Result<GaugeVec, prometheus::Error> {
        let gauge = GaugeVec::new(table::opts(name), table::labels(name))?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    pub(super) fn counter(&self, name: &str) -> Result<IntCounterVec, prometheus::Error> {
        let counter = IntCounterVec::new(table::opts(name), table::labels(name))?;
        self.registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    pub(super) fn single(&self, name: &str, value: f64) -> Result<(), prometheus::Error> {
        self.gauge(name)?.with_label_values::<&str>(&[]).set(value);
        Ok(())
    }

    /// A histogram that was counted elsewhere, with source and stack as its labels.
    pub(super) fn histogram<'a>(
        &mut self,
        name: &str,
        latencies: impl Iterator<Item = (&'a StackId, &'a Latency)>,
    ) {
        let metrics: Vec<Metric> = latencies.map(|(stack, latency)| histogram(stack, latency)).collect();
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(table::help(name).to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        self.histograms.push(family);
    }
}

fn histogram(stack: &StackId, latency: &Latency) -> Metric {
    let bucket = |bound: u32| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(f64::from(bound));
        bucket.set_cumulative_count(latency.up_to(bound));
        bucket
    };
    let label = |name: &str, value: &str| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(Latency::BOUNDS.map(bucket).to_vec());
    histogram.set_sample_count(latency.count());
    histogram.set_sample_sum(latency.sum_seconds());
    let mut metric = Metric::from_label(vec![
        label("source", stack.source.as_str()),
        label("stack", stack.stack.as_str()),
    ]);
    metric.set_histogram(histogram);
    metric
}
