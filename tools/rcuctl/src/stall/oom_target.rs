// SPDX-License-Identifier: GPL-2.0

//! A process for the OOM killer. If a stall exhausts memory, the kernel kills this process first,
//! and rcuctl last.

use std::process::{Child, Command, Stdio};

use super::error::StallError;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::settings::Settings;

/// The OOM score of rcuctl.
const OWN_SCORE: &str = "/proc/self/oom_score_adj";
const MAX_SCORE: &str = "1000";
const MIN_SCORE: &str = "-1000";

/// The process ends by itself if rcuctl cannot end it. Longer than any stall.
const LIFETIME_SECS: &str = "120";

/// The process, and the OOM score of rcuctl. Dropping it ends the process and restores the score.
pub struct OomTarget<'a, P: Parameters> {
    process: Child,
    _own_score: Settings<'a, P>,
}

impl<'a, P: Parameters> OomTarget<'a, P> {
    pub fn start(parameters: &'a P) -> Result<Self> {
        let mut process = Command::new("sleep")
            .arg(LIFETIME_SECS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| StallError::NoOomTarget(error.to_string()))?;
        let score = format!("/proc/{}/oom_score_adj", process.id());
        let own_score = parameters
            .write(&score, MAX_SCORE)
            .and_then(|()| Settings::apply(parameters, [(OWN_SCORE, MIN_SCORE.to_string())]));
        match own_score {
            Ok(own_score) => Ok(Self {
                process,
                _own_score: own_score,
            }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }
}

impl<P: Parameters> Drop for OomTarget<'_, P> {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    // The OOM killer may have killed it already.
    let _ = process.kill();
    let _ = process.wait();
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn a_process_lives_as_long_as_the_target() {
        let fake = Fake::new();
        let target = OomTarget::start(&fake).expect("a process");
        let pid = target.process.id();
        assert_eq!(fake.value(OWN_SCORE), MIN_SCORE);
        assert_eq!(fake.value(&format!("/proc/{pid}/oom_score_adj")), MAX_SCORE);
        drop(target);
        assert_eq!(fake.value(OWN_SCORE), "0");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_refused_score_leaves_no_process() {
        let fake = Fake::new().refuse(OWN_SCORE, Errno::EACCES);
        assert!(OomTarget::start(&fake).is_err());
        let written = fake.written();
        let pid = written[0].trim_start_matches("/proc/").split('/').next();
        assert!(!std::path::Path::new("/proc")
            .join(pid.expect("a process"))
            .exists());
    }
}
