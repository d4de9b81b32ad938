// SPDX-License-Identifier: GPL-2.0

//! A copy of the device's table. Measurements change routes of such a copy, so they revert no
//! change that a user makes meanwhile, and users never miss a route.

use super::{run::Run, stream::for_each_route};
use crate::{
    rcu_table::{Mode, Operation, ReclaimMode, Reload, Settings, Table},
    SETTINGS,
};
use kernel::{prelude::*, sync::Arc};

/// The settings of all copies. One measurement runs at a time.
static COPIES: Settings = Settings::new();

/// Sets the reclaim mode of all copies.
///
/// Context: any.
pub(super) fn set_reclaim(mode: ReclaimMode) {
    COPIES.set_reclaim(mode);
}

/// Copies the device's routes of the measured families.
///
/// Errors: `ENOMEM`. Context: may sleep; waits for a grace period.
pub(super) fn copy_table(run: &Run) -> Result<Arc<Table>> {
    set_reclaim(SETTINGS.reclaim());
    COPIES.set_reclaim_max_kb(SETTINGS.reclaim_max_kb());
    // The device's table may have more routes than its limit allows now.
    COPIES.set_max_routes(usize::MAX);
    let table = Arc::pin_init(Table::with_settings(&COPIES), GFP_KERNEL)?;
    let mut reload = Reload::new(table.clone())?;
    for family in run.plan.families() {
        for_each_route(&run.table, family, |route| {
            reload.apply(&Operation::Insert(*route, Mode::Add))?;
            Ok(!run.is_stopped())
        })?;
    }
    reload.commit()?;
    Ok(table)
}
