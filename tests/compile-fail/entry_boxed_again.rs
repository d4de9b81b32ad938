// SPDX-License-Identifier: GPL-2.0

// An entry has its own box, with the link and the room for the callback.
// ERROR SAYS: is not a new entry of a list or table of `Config`
// ERROR SAYS: `Entry::new(value, GFP_KERNEL)?` allocates the entry; `UniqueRcuBox::new` is not needed

fn add(mut list: UpdateSide<'_, List<Config, State>>) -> Result {
    let boxed = UniqueRcuBox::new(new_entry()?, GFP_KERNEL)?;  // VIOLATION
    let boxed = new_entry()?;                            // TWIN
    list.push_back(boxed);                               // VIOLATION: E0277
    list.push_back(boxed);                               // TWIN
    Ok(())
}
