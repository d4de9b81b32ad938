// SPDX-License-Identifier: GPL-2.0

//! Someone for the OOM killer: where memory is to run out, a process that nobody needs is taken first, and this
//! one last.

use std::process::{Child, Command, Stdio};

use super::trouble::Trouble;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::settings::Settings;

/// How much the kernel likes to kill this process.
const OWN: &str = "/proc/self/oom_score_adj";
const MOST: &str = "1000";
const NEVER: &str = "-1000";

/// Longer than any stall, in seconds: it ends by itself if this program cannot end it.
const LIFE: &str = "120";

/// The process, and this one's safety. Dropping it ends both.
pub struct Victim<'a, P: Parameters> {
    process: Child,
    _own: Settings<'a, P>,
}

impl<'a, P: Parameters> Victim<'a, P> {
    pub fn offer(parameters: &'a P) -> Result<Self> {
        let mut process = Command::new("sleep")
            .arg(LIFE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| Trouble::NoVictim(error.to_string()))?;
        let score = format!("/proc/{}/oom_score_adj", process.id());
        let own = parameters
            .write(&score, MOST)
            .and_then(|()| Settings::apply(parameters, [(OWN, NEVER.to_string())]));
        match own {
            Ok(own) => Ok(Self { process, _own: own }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }
}

impl<P: Parameters> Drop for Victim<'_, P> {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    // It may have been killed already, as it was to be.
    let _ = process.kill();
    let _ = process.wait();
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn a_process_is_offered_and_taken_back() {
        let fake = Fake::new();
        let victim = Victim::offer(&fake).expect("a process");
        let pid = victim.process.id();
        assert_eq!(fake.value(OWN), NEVER);
        assert_eq!(fake.value(&format!("/proc/{pid}/oom_score_adj")), MOST);
        drop(victim);
        assert_eq!(fake.value(OWN), "0");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn who_may_not_offer_it_leaves_none() {
        let fake = Fake::new().refuse(OWN, Errno::EACCES);
        assert!(Victim::offer(&fake).is_err());
        let written = fake.written();
        let pid = written[0].trim_start_matches("/proc/").split('/').next();
        assert!(!std::path::Path::new("/proc")
            .join(pid.expect("a process"))
            .exists());
    }
}
