// SPDX-License-Identifier: GPL-2.0

//! Parameters changed for the start of a run.
//!
//! The module reads its own parameters when a run starts, so `Settings` restores them right after
//! the start. If it waited for the end of the run, a killed rcuctl would leave them changed: the
//! next run would have a bug that its user did not request.

use clap::ValueEnum;

use crate::error::Result;
use crate::parameters::Parameters;

/// Changed parameters, with their previous values. Dropping it restores them.
pub struct Settings<'a, P: Parameters> {
    parameters: &'a P,
    before: Vec<(String, String)>,
}

impl<'a, P: Parameters> Settings<'a, P> {
    /// Sets each parameter. If one is refused, restores those before it.
    pub fn apply(
        parameters: &'a P,
        settings: impl IntoIterator<Item = (impl Into<String>, String)>,
    ) -> Result<Self> {
        let mut applied = Self {
            parameters,
            before: Vec::new(),
        };
        for (name, value) in settings {
            let name = name.into();
            let before = parameters.read(&name)?;
            parameters.write(&name, &value)?;
            applied.before.push((name, before));
        }
        Ok(applied)
    }

    /// Restores the parameters, as dropping does, but returns the first error.
    pub fn restore(mut self) -> Result<()> {
        self.restore_all()
    }

    fn restore_all(&mut self) -> Result<()> {
        let mut result = Ok(());
        while let Some((name, value)) = self.before.pop() {
            let written = self.parameters.write(&name, &value);
            result = result.and(written);
        }
        result
    }
}

impl<P: Parameters> Drop for Settings<'_, P> {
    fn drop(&mut self) {
        // The caller already has the error that caused the drop.
        let _ = self.restore_all();
    }
}

/// The name of a choice, which the command line and the kernel share.
pub fn name_of(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torture::fake::Fake;
    use nix::errno::Errno;

    fn two() -> [(&'static str, String); 2] {
        [("stutter", "5".to_string()), ("bug", "skip_gp".to_string())]
    }

    #[test]
    fn changed_parameters_are_restored() {
        let fake = Fake::new();
        let settings = Settings::apply(&fake, two()).expect("accepted");
        assert_eq!(fake.value("bug"), "skip_gp");
        settings.restore().expect("accepted");
        assert_eq!(
            fake.written(),
            ["stutter=5", "bug=skip_gp", "bug=none", "stutter=0"]
        );
    }

    #[test]
    fn a_refused_parameter_restores_those_before_it() {
        let fake = Fake::new().refuse("bug", Errno::EINVAL);
        assert!(Settings::apply(&fake, two()).is_err());
        assert_eq!(fake.written(), ["stutter=5", "stutter=0"]);
    }

    #[test]
    fn a_parameter_that_cannot_be_restored_does_not_keep_the_others_changed() {
        let fake = Fake::new();
        let three = two().into_iter().chain([("nreaders", "3".to_string())]);
        let settings = Settings::apply(&fake, three).expect("accepted");
        fake.refuse_from_now("nreaders", Errno::EIO);
        fake.refuse_from_now("bug", Errno::EIO);
        assert!(settings.restore().is_err());
        assert_eq!(fake.value("stutter"), "0");
    }
}
