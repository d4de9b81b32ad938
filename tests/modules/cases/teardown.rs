// SPDX-License-Identifier: GPL-2.0

//! `Reclaim::TEARDOWN`: each container calls it once, before the object is dropped.

use super::{ensure, rcu, Failure, Outcome};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    new_mutex,
    prelude::*,
    sync::Arc,
    xarray::{AllocKind, XArray},
};
use rcu::{
    new_srcu, read_lock, Anywhere, CallbackDrain, Entry, HashTable, Keyed, List, Locked,
    NewBuckets, Rcu, RcuBox, Reclaim, ResizableTable, Retired, SrcuPointer, UniqueRcuBox,
    UpdaterLock,
};

/// Counts what happens to all fences of a test.
#[derive(Default)]
struct Counts {
    torn_down: AtomicUsize,
    dropped: AtomicUsize,
    /// Fences that were dropped without exactly one teardown.
    wrong: AtomicUsize,
}

impl Counts {
    fn new() -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(Self::default(), GFP_KERNEL)?)
    }

    fn torn_down(&self) -> usize {
        self.torn_down.load(Ordering::Relaxed)
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Acquire)
    }

    /// Returns whether `number` fences were torn down and then dropped, after all callbacks.
    fn have_ended(&self, number: usize) -> bool {
        rcu::barrier();
        self.torn_down() == number
            && self.dropped() == number
            && self.wrong.load(Ordering::Relaxed) == 0
    }
}

/// An object that counts its teardowns.
struct Fence {
    number: u64,
    teardowns: AtomicUsize,
    counts: Arc<Counts>,
}

impl Fence {
    fn new(number: u64, counts: &Arc<Counts>) -> Self {
        Self {
            number,
            teardowns: AtomicUsize::new(0),
            counts: counts.clone(),
        }
    }

    fn boxed(number: u64, counts: &Arc<Counts>) -> Result<UniqueRcuBox<Self>, Failure> {
        Ok(UniqueRcuBox::new(Self::new(number, counts), GFP_KERNEL)?)
    }
}

impl Reclaim for Fence {
    type Context = Anywhere;
    const TEARDOWN: Option<fn(Pin<&Self>)> = Some(|this| {
        this.teardowns.fetch_add(1, Ordering::Relaxed);
        this.counts.torn_down.fetch_add(1, Ordering::Relaxed);
    });
}

impl Drop for Fence {
    fn drop(&mut self) {
        if *self.teardowns.get_mut() != 1 {
            self.counts.wrong.fetch_add(1, Ordering::Relaxed);
        }
        self.counts.dropped.fetch_add(1, Ordering::Release);
    }
}

impl Keyed for Fence {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.number
    }
}

pub(super) fn object_is_torn_down_before_and_freed_after_its_readers() -> Outcome {
    let counts = Counts::new()?;
    let owner = RcuBox::new(Fence::new(1, &counts), GFP_KERNEL)?;
    let again = RcuBox::new(Fence::new(2, &counts), GFP_KERNEL)?;
    let guard = read_lock();
    let seen = owner.with_rcu(&guard);
    drop(owner);
    ensure!(counts.torn_down() == 1 && counts.dropped() == 0);
    ensure!(seen.teardowns.load(Ordering::Relaxed) == 1);
    drop(guard);
    drop(again.retire().synchronize());
    ensure!(counts.have_ended(2));
    Ok(())
}

pub(super) fn object_of_a_pointer_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let mut pointer = Rcu::new(Fence::boxed(1, &counts)?);
    let new = Fence::boxed(2, &counts)?;
    let guard = read_lock();
    let seen = pointer.dereference(&guard);
    drop(pointer.replace(Some(new)));
    ensure!(seen.is_some_and(|fence| fence.teardowns.load(Ordering::Relaxed) == 1));
    drop(guard);
    ensure!(counts.have_ended(1));
    drop(pointer.take());
    ensure!(counts.have_ended(2));
    drop(Rcu::new(Fence::boxed(3, &counts)?));
    ensure!(counts.have_ended(3));
    Ok(())
}

struct PointerState {
    pointer: Rcu<Fence, Locked<PointerState>>,
}

pub(super) fn object_of_a_locked_pointer_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let pointer = Rcu::locked(Some(Fence::boxed(1, &counts)?));
    let state = UpdaterLock::new(PointerState { pointer }, new_mutex!((), "pointer"));
    let state = Arc::pin_init(state, GFP_KERNEL)?;
    let mut updater = state.lock();
    let mut pointer = updater.select(|state| &state.pointer);
    drop(pointer.replace(Some(Fence::boxed(2, &counts)?)));
    ensure!(counts.torn_down() == 1);
    drop(pointer.copy_update(|_| Fence::boxed(3, &counts))?);
    ensure!(counts.torn_down() == 2);
    drop(updater);
    drop(state);
    ensure!(counts.have_ended(3));
    Ok(())
}

struct ListState {
    list: List<Fence, ListState>,
}

pub(super) fn entry_of_a_list_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let state = UpdaterLock::new(ListState { list: List::new() }, new_mutex!((), "list"));
    let state = Arc::pin_init(state, GFP_KERNEL)?;
    let push = |number| {
        let new = Entry::new(Fence::new(number, &counts), GFP_KERNEL)?;
        state.lock().select(|state| &state.list).push_back(new);
        Ok::<(), Failure>(())
    };
    for number in 1..=3 {
        push(number)?;
    }
    let new = Entry::new(Fence::new(4, &counts), GFP_KERNEL)?;
    let mut updater = state.lock();
    let mut list = updater.select(|state| &state.list);
    drop(list.pop_front());
    ensure!(counts.torn_down() == 1);
    let mut cursor = list.cursor();
    cursor.move_next();
    drop(cursor.replace_current(new));
    ensure!(counts.torn_down() == 2);
    let all = list.clear();
    ensure!(counts.torn_down() == 4);
    drop(updater);
    all.for_each(Retired::call_rcu);
    ensure!(counts.have_ended(4));

    push(5)?;
    push(6)?;
    let all = state.lock().select(|state| &state.list).clear();
    ensure!(counts.torn_down() == 6 && counts.dropped() == 4);
    ensure!(all.synchronize().count() == 2);
    ensure!(counts.have_ended(6));

    push(7)?;
    push(8)?;
    drop(state);
    ensure!(counts.have_ended(8));
    Ok(())
}

#[pin_data]
struct TableState {
    #[pin]
    table: HashTable<Fence, TableState, 2>,
}

pub(super) fn entry_of_a_hash_table_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let state = pin_init!(TableState { table <- HashTable::new([1, 2]) });
    let state = Arc::pin_init(UpdaterLock::new(state, new_mutex!((), "table")), GFP_KERNEL)?;
    let insert = |number| {
        let new = Entry::new(Fence::new(number, &counts), GFP_KERNEL)?;
        drop(state.lock().select(|state| &state.table).insert(new));
        Ok::<(), Failure>(())
    };
    for number in 1..=4 {
        insert(number)?;
    }
    insert(1)?;
    ensure!(counts.torn_down() == 1);
    drop(state.lock().select(|state| &state.table).remove(&1));
    ensure!(counts.torn_down() == 2);
    state.lock().select(|state| &state.table).clear(drop);
    ensure!(counts.have_ended(5));
    insert(6)?;
    insert(7)?;
    drop(state);
    ensure!(counts.have_ended(7));
    Ok(())
}

struct ResizableState {
    table: ResizableTable<Fence, ResizableState>,
}

pub(super) fn entry_of_a_resizable_table_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let table = ResizableTable::new(NewBuckets::new(1, GFP_KERNEL)?, rcu::random_seed());
    let state = UpdaterLock::new(ResizableState { table }, new_mutex!((), "table"));
    let state = Arc::pin_init(state, GFP_KERNEL)?;
    let insert = |number| {
        let new = Entry::resizable(Fence::new(number, &counts), GFP_KERNEL)?;
        drop(state.lock().select(|state| &state.table).insert(new));
        Ok::<(), Failure>(())
    };
    for number in 1..=3 {
        insert(number)?;
    }
    insert(1)?;
    ensure!(counts.torn_down() == 1);
    drop(state.lock().select(|state| &state.table).remove(&1));
    ensure!(counts.torn_down() == 2);
    let more = NewBuckets::new(2, GFP_KERNEL)?;
    let resized = state.lock().select(|state| &state.table).resize(more);
    ensure!(resized.is_ok());
    ensure!(counts.have_ended(2));
    drop(state);
    ensure!(counts.have_ended(4));
    Ok(())
}

pub(super) fn object_of_an_srcu_pointer_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let first = Fence::boxed(1, &counts)?;
    let pointer = SrcuPointer::new(Some(first), new_srcu!("teardown"));
    let pointer = Arc::pin_init(pointer, GFP_KERNEL)?;
    drop(pointer.replace(Some(Fence::boxed(2, &counts)?)));
    ensure!(counts.torn_down() == 1);
    drop(pointer.retire(Fence::boxed(3, &counts)?));
    ensure!(counts.torn_down() == 2);
    drop(pointer);
    ensure!(counts.have_ended(3));
    Ok(())
}

pub(super) fn object_of_an_xarray_is_torn_down_once() -> Outcome {
    let counts = Counts::new()?;
    let array = KBox::pin_init(XArray::new(AllocKind::Alloc), GFP_KERNEL)?;
    for index in [1, 2] {
        let new = RcuBox::new(Fence::new(index as u64, &counts), GFP_KERNEL)?;
        let stored = array.lock().store(index, new, GFP_KERNEL);
        stored.map_err(Error::from)?;
    }
    let new = RcuBox::new(Fence::new(3, &counts), GFP_KERNEL)?;
    let stored = array.lock().store(1, new, GFP_KERNEL);
    drop(stored.map_err(Error::from)?);
    ensure!(counts.torn_down() == 1);
    drop(array.lock().remove(2));
    ensure!(counts.torn_down() == 2);
    drop(array);
    ensure!(counts.have_ended(3));
    Ok(())
}

/// An object without a destructor, for `kvfree_rcu()`.
struct Plain(Option<&'static AtomicUsize>);

impl Reclaim for Plain {
    type Context = Anywhere;
    const TEARDOWN: Option<fn(Pin<&Self>)> = Some(|this| {
        if let Some(count) = this.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
}

pub(super) fn each_ending_follows_one_teardown() -> Outcome {
    static PLAIN: AtomicUsize = AtomicUsize::new(0);
    let counts = Counts::new()?;
    let drain = CallbackDrain::new()?;
    let retired = |number| Ok::<_, Failure>(Fence::boxed(number, &counts)?.retire());
    retired(1)?.call_rcu();
    retired(2)?.call_rcu_hurry();
    retired(3)?.queue_work();
    drop(retired(4)?);
    drop(retired(5)?.synchronize());
    drop(retired(6)?.synchronize_expedited());
    drop(retired(7)?.start_poll().wait());
    drop(retired(8)?.start_poll());
    ensure!(counts.torn_down() == 8);
    drop(drain);
    ensure!(counts.have_ended(8));
    UniqueRcuBox::new(Plain(Some(&PLAIN)), GFP_KERNEL)?
        .retire()
        .kvfree_rcu();
    ensure!(PLAIN.load(Ordering::Relaxed) == 1);
    Ok(())
}

pub(super) fn unpublished_object_is_torn_down_only_if_it_is_retired() -> Outcome {
    let counts = Counts::new()?;
    let never_published = Fence::boxed(1, &counts)?;
    never_published.teardowns.store(1, Ordering::Relaxed);
    drop(never_published);
    ensure!(counts.torn_down() == 0 && counts.dropped() == 1);

    // Published twice, so torn down twice.
    let pointer = Rcu::new(Fence::boxed(2, &counts)?);
    let again = pointer.replace(None).map(Retired::synchronize);
    if let Some(again) = &again {
        ensure!(again.teardowns.swap(0, Ordering::Relaxed) == 1);
    }
    pointer.replace(again);
    drop(pointer);
    ensure!(counts.torn_down() == 2 && counts.dropped() == 2);
    ensure!(counts.wrong.load(Ordering::Relaxed) == 0);
    Ok(())
}
