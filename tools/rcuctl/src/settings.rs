// SPDX-License-Identifier: GPL-2.0

//! Parameters that are set for one run, and put back.
//!
//! The module reads its own when a run starts, so they are put back right then, and not when it has ended: the
//! longer that would take, the likelier someone kills this program meanwhile, and the next run would have a
//! bug, or a leave, that nobody asked for.

use std::borrow::Cow;

use clap::ValueEnum;

use crate::error::Result;
use crate::parameters::Parameters;

/// A parameter's name.
type Name = Cow<'static, str>;

/// Parameters with what they were before. Dropping it puts them back.
pub struct Settings<'a, P: Parameters> {
    parameters: &'a P,
    before: Vec<(Name, String)>,
}

impl<'a, P: Parameters> Settings<'a, P> {
    /// If one is refused, those before it are put back.
    pub fn apply(
        parameters: &'a P,
        settings: impl IntoIterator<Item = (impl Into<Name>, String)>,
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

    /// As dropping it, but tells if that fails.
    pub fn put_back(mut self) -> Result<()> {
        self.restore()
    }

    /// Goes on behind a failure, and returns the first.
    fn restore(&mut self) -> Result<()> {
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
        // Another error is being told already, and it is the cause.
        let _ = self.restore();
    }
}

/// A choice as the command line has it, which is as the kernel has it.
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
    fn what_was_changed_is_put_back() {
        let fake = Fake::new();
        let settings = Settings::apply(&fake, two()).expect("accepted");
        assert_eq!(fake.value("bug"), "skip_gp");
        settings.put_back().expect("accepted");
        assert_eq!(
            fake.written(),
            ["stutter=5", "bug=skip_gp", "bug=none", "stutter=0"]
        );
    }

    #[test]
    fn a_refused_one_leaves_all_as_they_were() {
        let fake = Fake::new().refuse("bug", Errno::EINVAL);
        assert!(Settings::apply(&fake, two()).is_err());
        assert_eq!(fake.written(), ["stutter=5", "stutter=0"]);
    }

    #[test]
    fn those_that_cannot_be_put_back_keep_none_else_from_it() {
        let fake = Fake::new();
        let three = two().into_iter().chain([("nreaders", "3".to_string())]);
        let settings = Settings::apply(&fake, three).expect("accepted");
        fake.refuse_from_now("nreaders", Errno::EIO);
        fake.refuse_from_now("bug", Errno::EIO);
        assert!(settings.put_back().is_err());
        assert_eq!(fake.value("stutter"), "0");
    }
}
