# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions that the suites of `scale` and of the peers share. Sourced; needs helpers.sh beside it.
# A row is a line `row KEY=VALUE...` of a report; see scale/row.rs.
# shellcheck source=tests/guest/helpers.sh
. ./helpers.sh

# Readers measure the time of batches of this many passes.
# shellcheck disable=SC2034 # The suites use it.
batch=4096

# rows FILE
rows() { sed -n 's/^row //p' "$1"; }
# labels FILE: prints what each row measures, without its figures.
labels() { rows "$1" | sed 's/ \(min\|count\|absent\)=.*//'; }
# counts_are COUNT FILE: each row with a count has COUNT.
counts_are() { same "$1" "$(rows "$2" | sed -n 's/.* count=\([0-9]*\) .*/\1/p' | sort -u)"; }

# figures_are_plausible FILE BATCHES: the figures of each row are above zero and in order. A row of
# readers lacks figures if and only if each reader dropped all its BATCHES batches. Only the row of
# rwlock may be absent.
figures_are_plausible() {
    # shellcheck disable=SC2016 # awk's fields.
    rows "$1" | awk -v "batches=$2" '
        function wrong(why) { print why ": " $0; bad = 1 }
        {
            split("", of)
            for (i = 1; i <= NF; i++) { split($i, part, "="); of[part[1]] = part[2] }
            if ("absent" in of) { if (of["kind"] != "rwlock") wrong("unexpected absent row"); next }
            if (("writer" in of && of["writer"] != "none") != (of["changes"] + 0 > 0)) wrong("wrong number of changes")
            if (of["min"] == "-") {
                if (of["dropped"] != of["readers"] * batches) wrong("no figure")
                next
            }
            figures++
            n = split("p90" in of ? "min median p90 p99 max" : "min median max", name, " ")
            last = 0
            for (i = 1; i <= n; i++) {
                if (of[name[i]] + 0 < last) wrong("figures out of order")
                last = of[name[i]] + 0
            }
            if (of["median"] <= 0) wrong("median of zero")
            if ("wall" in of && of["wall"] <= 0) wrong("wall time of zero")
            if ("dropped" in of && of["dropped"] >= of["readers"] * batches) wrong("figures without a batch")
            if ("per_second" in of && of["per_second"] <= 0) wrong("rate of zero")
        }
        END { if (!figures) { print "no figures"; bad = 1 }; exit bad }'
}
