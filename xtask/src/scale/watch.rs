use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use logagg_e2e::simulator::Simulator;
use logagg_e2e::terraform::Terraform;

use crate::process;

const PROVIDER: &str = "terraform-provider-logagg";
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Looks at the provider that Terraform starts, and at the calls it makes. Terraform has no other
/// provider in the folder it works in.
pub(super) struct Watch {
    dir: String,
}

/// What was seen of one run of Terraform. It may start the provider several times.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// From the first call to the last.
    pub(super) calling: Duration,
    /// CPU time of all the provider's processes.
    pub(super) cpu: Duration,
    /// The most memory that one of them had.
    pub(super) peak_bytes: u64,
}

impl Watch {
    pub(super) fn begin(terraform: &Terraform) -> Self {
        Self { dir: terraform.dir().display().to_string() }
    }

    /// Looks while something runs.
    pub(super) fn during<T>(
        &self,
        aws: &Simulator,
        run: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Seen)> {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| self.look(aws, &done));
            let outcome = run();
            done.store(true, Ordering::Relaxed);
            let seen = looking.join().unwrap_or_default();
            Ok((outcome?, seen))
        })
    }

    fn look(&self, aws: &Simulator, done: &AtomicBool) -> Seen {
        let mut seen = Seen::default();
        let mut cpu_of: BTreeMap<u32, Duration> = BTreeMap::new();
        let mut calls = 0;
        let mut first = None;
        while !done.load(Ordering::Relaxed) {
            let now = aws.counts().total();
            if now > calls {
                calls = now;
                let first = *first.get_or_insert_with(Instant::now);
                seen.calling = first.elapsed();
            }
            for process in self.providers() {
                if let Some((cpu, peak_bytes)) = usage(process) {
                    // Of one that is about to end, not all threads are there any more.
                    let most = cpu_of.entry(process).or_default();
                    *most = cpu.max(*most);
                    seen.peak_bytes = seen.peak_bytes.max(peak_bytes);
                }
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        seen.cpu = cpu_of.into_values().sum();
        seen
    }

    /// The provider's processes: those of its name that work where Terraform does.
    fn providers(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|id: &u32| {
            let works_here = fs::read_link(format!("/proc/{id}/cwd"))
                .is_ok_and(|dir| dir.display().to_string() == self.dir);
            let name = fs::read_link(format!("/proc/{id}/exe"));
            works_here && name.is_ok_and(|exe| exe.ends_with(PROVIDER))
        })
        .collect()
    }
}

/// CPU time and peak memory so far, of a process that may end at any time.
fn usage(process: u32) -> Option<(Duration, u64)> {
    Some((process::cpu_time(process).ok()?, process::peak_bytes(process).ok()?))
}
