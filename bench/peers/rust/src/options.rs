//! The options of every bench program, as `pt_bench --help` says.

use std::sync::atomic::{AtomicBool, Ordering};

/// The two that concern the measuring itself.
static QUICK: AtomicBool = AtomicBool::new(false);
static PIN: AtomicBool = AtomicBool::new(false);

pub struct Options {
    /// Parts of metrics' names; none: all metrics.
    pub filters: Vec<String>,
    pub rounds: usize,
    pub list: bool,
    pub table: bool,
    pub progress: bool,
}

const HELP: &str = "\
Measures, and prints a line for each metric: library, metric, value, unit.
  --list             only list the metrics: name, unit, which is better, what it is
  --filter TEXT,...  only metrics whose name contains one of the texts; may be repeated
  --rounds N         measure N times and print the median (default 1)
  --format tsv       fields separated by tabs, for programs (default)
  --format table     aligned, for people
  --quick            rounds of 0.01 s, not 0.2 s: shows that it runs, not how fast
  --pin              tie the threads of a crowd or pair to different processors, where that can be done
  --progress         say on standard error what is being measured
  --help             print this";

/// Ends the program with status 2, as a wrong command line does.
pub fn usage(problem: &str, what: &str) -> ! {
    eprintln!("{}: {problem}: {what}\nTry --help.", program());
    std::process::exit(2)
}

pub fn quick() -> bool {
    QUICK.load(Ordering::Relaxed)
}

pub fn pin() -> bool {
    PIN.load(Ordering::Relaxed)
}

fn program() -> String {
    std::env::args().next().unwrap_or_default()
}

impl Options {
    pub fn wants(&self, metric: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|text| metric.contains(text.as_str()))
    }

    fn add_filters(&mut self, list: &str) {
        self.filters.extend(list.split(',').filter(|text| !text.is_empty()).map(String::from));
    }
}

fn parse_rounds(text: &str) -> usize {
    match text.parse() {
        Ok(rounds) if (1..=1000).contains(&rounds) => rounds,
        _ => usage("--rounds wants a number from 1 to 1000", text),
    }
}

fn is_table(format: &str) -> bool {
    match format {
        "tsv" => false,
        "table" => true,
        _ => usage("--format wants tsv or table", format),
    }
}

/// Read the command line.
pub fn parse() -> Options {
    let mut options = Options { filters: vec![], rounds: 1, list: false, table: false, progress: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let (name, given) = match argument.split_once('=') {
            Some((name, value)) => (name.to_string(), Some(value.to_string())),
            None => (argument.clone(), None),
        };
        match name.as_str() {
            "--filter" | "--rounds" | "--format" => {
                let value = given.or_else(|| arguments.next()).unwrap_or_else(|| usage("option wants a value", &name));
                match name.as_str() {
                    "--filter" => options.add_filters(&value),
                    "--rounds" => options.rounds = parse_rounds(&value),
                    _ => options.table = is_table(&value),
                }
            }
            _ => set_flag(&mut options, &argument),
        }
    }
    options
}

fn set_flag(options: &mut Options, argument: &str) {
    match argument {
        "--list" => options.list = true,
        "--quick" => QUICK.store(true, Ordering::Relaxed),
        "--pin" => PIN.store(true, Ordering::Relaxed),
        "--progress" => options.progress = true,
        "--help" => {
            println!("Usage: {} [options]\n{HELP}", program());
            std::process::exit(0)
        }
        _ => usage("unknown option", argument),
    }
}
