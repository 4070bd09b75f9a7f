//! The end of a program that failed: one line for its operator.

use std::error::Error;
use std::process::ExitCode;

/// 0, or 1 with one line on standard error that says what went wrong and why.
#[allow(clippy::print_stderr, reason = "the operator reads it")]
pub(crate) fn exit_code(ended: Result<(), Box<dyn Error>>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes, from the outside in.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // Some errors say their cause themselves.
        if !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
}
