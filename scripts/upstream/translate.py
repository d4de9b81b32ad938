# SPDX-License-Identifier: GPL-2.0
"""Translates a file of rcu/ into a file of the kernel tree.

The library's sources differ from the kernel's in few ways: the crate's own name, the atomics, the
style of `use`, and support for older kernels. Each rule below removes one of these differences.
"""

import re
import sys
import textwrap

# Names of the library, and the names that the 7.3 tree has for the same functions.
RENAMED = [
    (r"\bgrace_period::synchronize\(\)", "super::synchronize_rcu()"),
    (r"\brcu::synchronize\(\)", "rcu::synchronize_rcu()"),
    (r"\brcu::barrier\(\)", "rcu::rcu_barrier()"),
    (r"\brcu::synchronize_expedited\b", "rcu::synchronize_rcu_expedited"),
    (r"\bgrace_period::synchronize_expedited\b", "grace_period::synchronize_rcu_expedited"),
    (r"\bfn synchronize_expedited\(\) \{", "fn synchronize_rcu_expedited() {"),
    (r"\bcompat::call_rcu_hurry\b", "bindings::call_rcu_hurry"),
    (r"\brcu_gp_oldstate\b", "bindings::rcu_gp_seq"),
]

# The unload of a module waits for its callbacks, so queueing one needs no permission that may be
# missing. The drain gets the address of the callback, because it serves all modules.
REPLACED = {
    "retired.rs": [
        (r"log_leak, ", ""),
        (r"match Permit::\w+\(\) \{\n +Some\(permit\) => (.*),\n +None => self\.leak\(.*\),\n +\}",
         r"\1;"),
        (r"&permit, ", ""),
        (r"        permit: &Permit,\n", ""),
        (r"(fn queue_callback\((?:.*\n)*?    \) \{\n) +permit\.announce_callback::<D>\(\);",
         r"\1        let permit = Permit::new();\n        permit.announce_callback(callback, D::IS_COUNTED);"),
        (r"let Some\(permit\) = Permit::for_callback\(\) else \{\n.*\n +\};\n( +)permit\.announce_callback::<Global>\(\);",
         r"let permit = Permit::new();\n\1permit.announce_callback(reclaim::<T>, false);"),
        (r"\n    #\[cold\]\n    fn leak\(self(?:.*\n)*?    \}\n", ""),
    ],
}
REPLACED["work.rs"] = [
    (r"/// The workqueue, .*\nstatic QUEUE.*\n\n", ""),
    (r"use super::\{\n", "use super::{\n    drain::WORKS,\n"),
    (r"ptr::\{self, addr_of_mut", "ptr::{addr_of_mut"),
    (r"/// - (.*)\n/// - It (?:is called by a callback that )?was queued with a `Permit`\.\n", r"/// \1\n"),
    (r" By its\n +// own requirement.*\n", "\n"),
    (r"(unsafe fn queue\(.*\n)", r"\1    WORKS.add();\n"),
    (r" +// ORDERING: Relaxed suffices: the (?:drain's creation|permit)(?:.*\n)+?.*let queue = QUEUE.*\n", ""),
    (r"`drain::close\(\)` destroys the queue (?:.*\n)+?.* work was initialised",
     "The system's workqueue always exists. The work\n    // was initialised"),
    (r"the workqueue and of its works", "the works"),
    (r"\(cpu, queue, work\)", "(cpu, bindings::system_dfl_wq, work)"),
    (r"/// Reclaims the object of a work item\.\n",
     "/// Reclaims the object of a work item. This function is built in, so it may still run when the\n"
     "/// module is freed that defines the type of the object.\n"),
    (r"(unsafe \{ reclaim\(head\) \};\n)", r"\1    WORKS.end();\n"),
]

# Functions that the kernel's rcu.rs has already.
REMOVED = {
    "grace_period.rs": ["pub fn synchronize()", "pub fn barrier()"],
    # The works are in a workqueue of the system.
    "work.rs": [
        "pub(super) fn create_queue() -> Result",
        "pub(super) unsafe fn destroy_queue()",
        "pub(super) fn flush()",
    ],
}

ATOMICS = [
    (r"\bAtomicPtr<", "Atomic<*mut "),
    (r"\bAtomic(Usize|Ptr)::new\b", "Atomic::new"),
    (r"\bAtomicBool\b", "AtomicFlag"),
    (r"\bAtomicUsize\b", "Atomic<usize>"),
    (r"\bAtomicU64\b", "Atomic<u64>"),
    (r"\bOrdering::AcqRel\b", "Full"),
    (r"\bOrdering::(Relaxed|Acquire|Release)\b", r"\1"),
    (r"\.swap\(", ".xchg("),
]
ATOMIC_NAMES = ["Acquire", "Atomic", "AtomicFlag", "Full", "Relaxed", "Release"]

SRCU_NAMES = {"new_srcu": "new_srcu", "Srcu": "Srcu", "SrcuGuard": "Guard as SrcuGuard"}

USE = re.compile(r"^(?P<indent> *)(?P<vis>pub(?:\(\w+\))? )?use (?P<tree>[^;]+);\n", re.M)


def parse(tree):
    """Returns the paths of a use tree as tuples of segments."""
    tree = re.sub(r"//[^\n]*", "", tree)
    tokens = re.findall(r"[A-Za-z_]\w*(?: as \w+)?|::|[{},*]", tree)

    def group(position):
        paths, prefix = [], ()
        while position < len(tokens):
            token = tokens[position]
            if token in ("}", ","):
                if prefix:
                    paths.append(prefix)
                    prefix = ()
                if token == "}":
                    return paths, position + 1
            elif token == "{":
                inner, position = group(position + 1)
                paths += [prefix + path for path in inner]
                prefix = ()
                continue
            elif token != "::":
                prefix += (token,)
            position += 1
        return paths + ([prefix] if prefix else []), position

    return group(0)[0]


def sort_key(name):
    """Orders names as rustfmt does: modules, then types, then constants, then globs."""
    bare = name.split(" as ")[0]
    kind = 3 if bare == "*" else 0 if bare == "self" else 1 if bare[0].islower() or bare[0] == "_" else 2
    return kind, bare.isupper(), bare


def render(paths, indent):
    """Prints paths as one tree, with one name a line, as the kernel's guidelines ask."""
    heads = {}
    for path in paths:
        heads.setdefault(path[0], set()).add(path[1:])
    parts, inner = [], indent + 4 if len(heads) > 1 else indent
    for head in sorted(heads, key=sort_key):
        tails = heads[head]
        if () in tails and len(tails) > 1:
            tails = (tails - {()}) | {("self",)}
        if tails == {()}:
            parts.append(head)
        else:
            parts.append(f"{head}::{render(tails, inner)}")
    if len(parts) == 1:
        return parts[0]
    pad = " " * (indent + 4)
    lines = [f"{pad}{part},\n" for part in parts]
    lines[-1] = lines[-1].rstrip("\n") + " //\n"
    return "{\n" + "".join(lines) + " " * indent + "}"


def translate_path(path, crate):
    """Returns the path as the kernel names it, or None if the kernel's file does not need it."""
    if path[0] == "kernel":
        path = (crate,) + path[1:]
    if path[:3] == ("core", "sync", "atomic"):
        return None
    if path[0] == "rcu_routes":
        path = ("kernel", "sync") + path[1:]
    # The kernel has these names in a module of their own.
    if path[-2:-1] == ("rcu",) and path[-1] in SRCU_NAMES:
        path = (crate, "sync", "srcu", SRCU_NAMES[path[-1]])
    if path[0] == "super" and path[1].split(" ")[0] == "compat":
        return None
    if path == ("core", "ffi", "c_int"):
        return None
    return path


def translate_uses(text, crate):
    """Merges each run of use items, and prints a tree for each crate."""
    output, position = [], 0
    while True:
        first = USE.search(text, position)
        if not first:
            return "".join(output) + text[position:]
        output.append(text[position:first.start()])
        # An attribute above belongs to this item alone.
        attribute = output[-1].rstrip(" ").endswith("]\n")
        run, end = [first], first.end()
        while not attribute and (following := USE.match(text, end)):
            run.append(following)
            end = following.end()
        output.append(translate_run(run, text, crate))
        position = end


def translate_run(run, text, crate):
    indent, paths, order = len(run[0]["indent"]), {}, {"core": 0, crate: 1, "super": 2}
    for item in run:
        for path in parse(item["tree"]):
            if path[:3] == ("core", "sync", "atomic"):
                for name in atomic_names(text):
                    paths.setdefault((item["vis"] or "", crate), set()).add((crate, "sync", "atomic", name))
                continue
            new = translate_path(path, crate)
            if new:
                paths.setdefault((item["vis"] or "", new[0]), set()).add(new)
    lines = []
    for visibility, root in sorted(paths, key=lambda key: (order.get(key[1], 3), key)):
        tree = render(paths[visibility, root], indent)
        lines.append(f"{' ' * indent}{visibility}use {tree};\n")
    return ("" if indent else "\n").join(lines)


def atomic_names(text):
    body = USE.sub("", re.sub(r"^ *//.*\n", "", text, flags=re.M))
    for pattern, new in ATOMICS:
        body = re.sub(pattern, new, body)
    return [name for name in ATOMIC_NAMES if re.search(rf"\b{name}\b", body)]


def translate_code(text, crate):
    text = translate_uses(text, crate)
    if "sync::atomic" in text or "atomic::{" in text:
        for pattern, new in ATOMICS:
            text = re.sub(pattern, new, text)
    for pattern, new in RENAMED:
        text = re.sub(pattern, new, text)
    return text


FENCE = re.compile(r"^ *//[/!] ```")


def translate_examples(text):
    """Translates the code of examples, which are users of the kernel crate."""
    output, example = [], None
    for line in text.splitlines(keepends=True):
        if not FENCE.match(line):
            (output if example is None else example).append(line)
            continue
        if example is None:
            example = [line]
            continue
        # Only a block without a language is compiled.
        if example[0].rstrip().endswith("```"):
            example[1:] = translate_example(example[1:])
        output += [*example, line]
        example = None
    return "".join(output)


def translate_example(lines):
    prefix = re.match(r" *//[/!]", lines[0])[0]
    code = "".join(line[len(prefix):].removeprefix(" ") for line in lines)
    # rustdoc does not show lines that begin with a hash.
    code = re.sub(r"^# ", "//# ", code, flags=re.M).replace("rcu_routes::rcu", "kernel::sync::rcu")
    code = re.sub(r"^//# ", "# ", translate_code(code, "kernel"), flags=re.M)
    return [f"{prefix} {line}".rstrip() + "\n" for line in code.splitlines()]


# What documentation says of modules that do not wait for their callbacks. In the kernel all do.
UNWAITED = re.compile(r"object is leaked|leaked, with an error in the log|In user space")


def remove_sentences(text):
    """Removes the sentences that UNWAITED describes from the paragraphs of documentation."""

    def paragraph(match):
        prefix = match["prefix"]
        sentence = " ".join(line.strip()[4:] for line in match[0].splitlines())
        if not UNWAITED.search(sentence):
            return match[0]
        kept = [one for one in re.split(r"(?<=\.) ", sentence) if not UNWAITED.search(one)]
        if not kept:
            return f"{prefix}\n"
        lines = textwrap.wrap(" ".join(kept), 100, initial_indent=f"{prefix} ", subsequent_indent=f"{prefix} ",
                              break_on_hyphens=False, break_long_words=False)
        return "\n".join(lines) + "\n"

    text = re.sub(r"^(?P<prefix> *//[/!]) (?![|`#*-]).*\n(?:(?P=prefix) (?![|`#*-]).*\n)*", paragraph, text, flags=re.M)
    # A paragraph that is gone leaves two empty lines.
    return re.sub(r"^( *//[/!]\n)\1+", r"\1", text, flags=re.M)


def remove_item(text, signature):
    """Removes a function with its documentation and attributes."""
    item = re.compile(r"(?:^(?:///|#\[).*\n)+" + "^" + re.escape(signature) + r" \{\n(?:^ .*\n)*^\}\n\n?", re.M)
    text, count = item.subn("", text)
    if count != 1:
        sys.exit(f"translate: expected one `{signature}`, found {count}; correct REMOVED in {sys.argv[0]}")
    return text


def translate(name, text):
    # The kernel crate may contain unsafe code anywhere.
    text = re.sub(r"^#!\[expect\(\s*unsafe_code,[^\]]*\)\]\n\n", "", text, flags=re.M)
    text = re.sub(r"^ *#\[cfg\(kernel_7_3\)\]\n", "", text, flags=re.M)
    for signature in REMOVED.get(name, []):
        text = remove_item(text, signature)
    for pattern, new in REPLACED.get(name, []):
        text, count = re.subn(pattern, new, text)
        if not count:
            sys.exit(f"translate: {name} has no match of {pattern!r}; correct REPLACED in {__file__}")
    text = translate_examples(remove_sentences(text))
    # Links of the documentation.
    text = text.replace("](kernel::", "](crate::").replace("](super::new_srcu)", "](crate::sync::srcu::new_srcu)")
    text = translate_code(text, "crate")
    return text

