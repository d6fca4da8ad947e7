//! What the shipper costs, beside the least that any shipper can cost: the release build behind a
//! runtime API, sending to a destination on this machine, and two baselines in the same run: one
//! that sends the same bytes, and one that sends the messages alone.

mod baseline;
pub(crate) mod fields;
mod function;
mod http;
mod payload;
mod sink;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::release;
use baseline::Baseline;
use function::Function;
use payload::Payload;
use sink::{Admission, Service, Sink};

/// How many log events are in an event: 3 kB, 150 kB and 1.6 MB of JSON.
const SIZES: [usize; 3] = [10, 500, 5_000];

/// How often everything is measured, one after the other and over again.
const ROUNDS: usize = 15;

/// How many rounds come before them: in those, memory is still being found its place.
const WARMING: usize = 5;

/// How many processes of each program are measured so: where a process happens to lie in memory
/// makes it several percent faster or slower for as long as it lives.
const PROCESSES: usize = 9;

/// How often a function is started.
const STARTS: usize = 101;

/// The shipper's default.
const GZIP_LEVEL: u32 = 1;

/// A baseline that sends the messages alone.
const NO_BODIES: &[PathBuf] = &[];

/// The programs that are measured.
struct Programs {
    shipper: PathBuf,
    baseline: PathBuf,
    idle: PathBuf,
}

/// Builds what is released and prints what it costs.
pub(crate) fn run() -> anyhow::Result<()> {
    let release = release::build(&["logagg-shipper", "logagg-baseline"])?;
    // The very file that a linker has just written starts more slowly than its copy, which is what
    // is installed anywhere.
    let folder = tempfile::tempdir().context("creating a folder")?;
    let copied = |name: &str| -> anyhow::Result<PathBuf> {
        let copy = folder.path().join(name);
        std::fs::copy(release.join(name), &copy).with_context(|| format!("copying {name}"))?;
        Ok(copy)
    };
    let programs = Programs {
        shipper: copied("bootstrap")?,
        baseline: copied("baseline")?,
        idle: copied("idle")?,
    };
    println!(
        "medians of {} rounds in {PROCESSES} processes, {STARTS} starts; ratios are medians of each \
         round's\n",
        PROCESSES * ROUNDS
    );
    let size = std::fs::metadata(&programs.shipper)?.len();
    println!("binary: {:.1} MB\n", size as f64 / 1e6);
    starts(&programs)?;
    for service in Service::ALL {
        for events in SIZES {
            invocations(&programs, service, Admission::ByRules, &Payload::of(events)?)?;
        }
        let largest = Payload::of(SIZES[SIZES.len() - 1])?;
        invocations(&programs, service, Admission::OfAll, &largest)?;
    }
    Ok(())
}

/// From the start of a process to its first request for work, ours and that of a function that
/// does nothing.
fn starts(programs: &Programs) -> anyhow::Result<()> {
    let sink = Sink::start(Service::Bulk)?;
    let mut shipper = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..STARTS {
        shipper.push(
            Function::start(&programs.shipper, &sink.configuration(Admission::ByRules))?.cold_start,
        );
        idle.push(Function::start(&programs.idle, "")?.cold_start);
    }
    println!("cold start");
    println!("  shipper        {:>9.2} ms", milliseconds(median(&shipper)));
    println!("  idle function  {:>9.2} ms", milliseconds(median(&idle)));
    println!("  ratio          {:>9.2}\n", median_ratio(&shipper, &idle));
    Ok(())
}

/// One size of event to one destination, by shipper, baseline and idle function in turn.
fn invocations(
    programs: &Programs,
    service: Service,
    admission: Admission,
    payload: &Payload,
) -> anyhow::Result<()> {
    let sink = Sink::start(service)?;
    let folder = tempfile::tempdir().context("creating a folder")?;
    let event = folder.path().join("event");
    std::fs::write(&event, &payload.event)?;
    let (mut requests, mut bodies) = (Vec::new(), Vec::new());
    let mut costs = [const { Cost::NONE }; 4];
    let mut messages_bytes = 0;
    for _ in 0..PROCESSES {
        let shipper = Function::start(&programs.shipper, &sink.configuration(admission))?;
        let idle = Function::start(&programs.idle, "")?;
        shipper.invoke(&payload.event).context("the first invocation")?;
        idle.invoke(&payload.event)?;
        if requests.is_empty() {
            requests = sink.take();
            ensure!(!requests.is_empty(), "nothing was sent");
            bodies = write_bodies(folder.path(), &requests)?;
        }
        let mut baseline = Baseline::start(&programs.baseline, &event, GZIP_LEVEL, &bodies)?;
        baseline.work()?;
        let mut messages = Baseline::start(&programs.baseline, &event, GZIP_LEVEL, NO_BODIES)?;
        messages.work()?;
        messages_bytes = messages.sent_bytes();
        for round in 0..WARMING + ROUNDS {
            let times = [
                shipper.invoke(&payload.event)?,
                baseline.work()?,
                messages.work()?,
                idle.invoke(&payload.event)?,
            ];
            if round >= WARMING {
                costs.iter_mut().zip(times).for_each(|(cost, time)| cost.times.push(time));
            }
        }
        let peaks = [
            shipper.peak_bytes()?,
            baseline.peak_bytes()?,
            messages.peak_bytes()?,
            idle.peak_bytes()?,
        ];
        for (cost, peak_bytes) in costs.iter_mut().zip(peaks) {
            cost.peak_bytes = cost.peak_bytes.max(peak_bytes);
        }
    }
    let encoded: usize = requests.iter().map(|(_, body)| body.len()).sum();
    let sent: usize = requests.iter().map(|(sent, _)| sent).sum();
    println!(
        "{}, {} events{}: {} of JSON in {}; {} sent as {} in {} requests",
        service.name(),
        payload.events,
        match admission {
            Admission::ByRules => "",
            Admission::OfAll => ", no rules about what is sent",
        },
        kilobytes(payload.json_bytes),
        kilobytes(payload.event.len()),
        kilobytes(encoded),
        kilobytes(sent),
        requests.len()
    );
    println!("                        CPU    events/s       MB/s       peak");
    let [ours, least, messages, nothing] = &costs;
    row("shipper", payload, ours);
    row("baseline", payload, least);
    row("messages alone", payload, messages);
    row("idle function", payload, nothing);
    println!("  ratio to baseline       {:>6.2}", median_ratio(&ours.times, &least.times));
    println!(
        "  ratio to messages alone {:>6.2}, and {:.2} of their {} sent\n",
        median_ratio(&ours.times, &messages.times),
        sent as f64 / messages_bytes as f64,
        kilobytes(messages_bytes)
    );
    Ok(())
}

/// What a program has cost.
struct Cost {
    times: Vec<Duration>,
    peak_bytes: u64,
}

impl Cost {
    const NONE: Self = Self { times: Vec::new(), peak_bytes: 0 };
}

fn row(name: &str, payload: &Payload, cost: &Cost) {
    let cpu = median(&cost.times);
    let seconds = cpu.as_secs_f64();
    println!(
        "  {name:<14} {:>9.3} ms {:>8.0} {:>10.0} {:>7.1} MB",
        milliseconds(cpu),
        payload.events as f64 / seconds,
        payload.json_bytes as f64 / 1e6 / seconds,
        cost.peak_bytes as f64 / 1e6
    );
}

fn write_bodies(folder: &Path, requests: &[(usize, Vec<u8>)]) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (number, (_, body)) in requests.iter().enumerate() {
        let path = folder.join(format!("body-{number}"));
        std::fs::write(&path, body)?;
        paths.push(path);
    }
    Ok(paths)
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

/// The median of what each round's two times are to each other.
fn median_ratio(ours: &[Duration], theirs: &[Duration]) -> f64 {
    let ratio = |(ours, theirs): (&Duration, &Duration)| ours.as_secs_f64() / theirs.as_secs_f64();
    let mut ratios: Vec<f64> = ours.iter().zip(theirs).map(ratio).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn kilobytes(bytes: usize) -> String {
    format!("{:.0} kB", bytes as f64 / 1e3)
}
