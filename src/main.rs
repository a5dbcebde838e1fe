//! The binary: parse, run, exit code.
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

use std::process::ExitCode;

use shipper::cli::{self, Verdict};

/// Exit codes as the README lists them; clap itself ends with 2 on wrong usage.
const FAILED: u8 = 1;
const WRONG_CONFIGURATION: u8 = 2;
const UNHEALTHY: u8 = 3;

fn main() -> ExitCode {
    cli::harden();
    cli::report_panics();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli::run(cli) {
        Ok(Verdict::Healthy) => ExitCode::SUCCESS,
        Ok(Verdict::Unhealthy) => ExitCode::from(UNHEALTHY),
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&error);
            let wrong = error.is_configuration();
            ExitCode::from(if wrong { WRONG_CONFIGURATION } else { FAILED })
        }
    }
}
