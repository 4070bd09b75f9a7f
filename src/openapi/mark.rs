use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::Access;
use super::fault::Fault;
use super::layers::Outline;

/// The extension of an operation in which a mark stands until the document is finished.
pub(super) const KEY: &str = "x-keygate";

/// What types and layers have said about an operation. The envelope that writes its errors is known
/// at the end only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) access: Access,
    /// Of the handler's own arguments.
    pub(super) faults: Vec<Fault>,
    /// Whether its result may be an error of the application's own.
    pub(super) fails: bool,
    /// Whether a first answer may come again.
    pub(super) replays: bool,
    pub(super) layers: Option<Outline>,
}

impl Mark {
    /// The mark that a value of the extension is; an empty one if it is none.
    pub(super) fn read(value: Option<&Value>) -> Self {
        value.and_then(|value| Self::deserialize(value).ok()).unwrap_or_default()
    }

    pub(super) fn write(&self) -> Value {
        // Names and lists: there is nothing that JSON does not have.
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn demand(&mut self, access: Access) {
        self.access = std::mem::take(&mut self.access).and(access);
    }

    /// Adds what is not there yet.
    pub(super) fn may_fail(&mut self, faults: &[Fault]) {
        for fault in faults {
            if !self.faults.contains(fault) {
                self.faults.push(*fault);
            }
        }
    }
}
