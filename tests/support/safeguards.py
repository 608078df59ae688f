"""The safeguards of Winnowry, each with a patch that removes it and the tests that then have to fail."""

from dataclasses import dataclass

OPERATE = "tests/runners/flink/test_operate.py::"
COUNTING = "tests/runners/flink/test_counting.py::"
SPEEDO = "tests/runners/direct/test_speedo.py::"
LEDGER = "tests/runners/direct/test_ledger.py::"
CONFIRMED = "tests/runners/direct/test_confirmed.py::"
SIEVE = "tests/runners/direct/test_sieve.py::"
HALVING = "tests/runners/direct/test_halving.py::"
ENGINE = "tests/runners/direct/test_engine.py::"
MEMORY = "tests/io/test_memory.py::"
PLACE = "tests/io/test_place.py::"
SYNC = "tests/io/test_sync.py::"
TREE = "tests/io/test_tree.py::"
VERIFY = "tests/transforms/test_verify.py::"

ORDER = (LEDGER + "test_an_ending_has_its_order", LEDGER + "test_nothing_is_settled_or_remembered_before_its_confirm")


@dataclass(frozen=True, kw_only=True)
class Safeguard:
    """In ``file`` stands ``text`` once; with ``without`` in its place the safeguard is gone, and each of ``tests`` fails."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]


ENDING = (
    Safeguard(
        name="settle after confirm",
        file="runners/direct/ledger.py",
        text="        self._publish(sendings)\n        if silent:\n",
        without="        self._publish(sendings)\n"
        "        self._holders.settle([entry.outcome.delivery for entry, _ in sendings])\n"
        "        if silent:\n",
        tests=ORDER,
    ),
    Safeguard(
        name="commit after confirm",
        file="runners/direct/ledger.py",
        text="        self._open.update(dict.fromkeys(entries))\n",
        without="        self._open.update(dict.fromkeys(entries))\n"
        "        close_claims(self._memory, [entry.outcome for entry in entries])\n",
        tests=(*ORDER, LEDGER + "test_a_death_at_any_point_ends_in_one_announcement"),
    ),
    Safeguard(
        name="commit before settle",
        file="runners/direct/ledger.py",
        text="        woken: Sequence[bytes] = ()\n        try:\n",
        without="        self._holders.settle([entry.outcome.delivery for entry in entries])\n"
        "        woken: Sequence[bytes] = ()\n        try:\n",
        tests=ORDER,
    ),
    Safeguard(
        name="counted before settle",
        file="runners/direct/ledger.py",
        text="            if self.count is not None:\n",
        without="            self._holders.settle([entry.outcome.delivery for entry in entries if self.count is not None])\n"
        "            if self.count is not None:\n",
        tests=(SPEEDO + "test_nothing_is_settled_before_it_is_counted",),
    ),
    Safeguard(
        name="counted once",
        file="schemas/roll.py",
        text="        return not (delivery.redelivered and ",
        without="        return not (False and ",
        tests=(SPEEDO + "test_what_comes_again_after_a_death_is_counted_once",),
    ),
    Safeguard(
        name="windows that were set back are void",
        file="runners/flink/counting.py",
        text="        for begin in windows_after(",
        without="        for begin in () and windows_after(",
        tests=(COUNTING + "test_whatever_sets_it_back_the_sums_that_stand_are_what_passed",),
    ),
    Safeguard(
        name="Report before settle",
        file="runners/direct/ledger.py",
        text="                entry.reported = True\n                entry.unanswered = 1\n",
        without="                entry.reported = True\n                entry.unanswered = 1\n"
        "                self._holders.settle([entry.outcome.delivery])\n",
        tests=(LEDGER + "test_an_ending_has_its_order", CONFIRMED + "test_nothing_is_settled_before_its_report_is_confirmed"),
    ),
    Safeguard(
        name="copy for later confirmed before settle",
        file="runners/direct/ledger.py",
        text="                messages = first_messages(entry.outcome, self._desk)\n",
        without="                messages = first_messages(entry.outcome, self._desk)\n"
        "                if entry.outcome.ending is Ending.RETRIED:\n"
        "                    self._publish([(Entry(entry.outcome, 0.0), message) for message in messages])\n"
        "                    messages = ()\n",
        tests=(CONFIRMED + "test_an_original_stays_until_its_copy_is_confirmed",),
    ),
    Safeguard(
        name="dead letter confirmed before settle",
        file="runners/direct/ledger.py",
        text="                messages = first_messages(entry.outcome, self._desk)\n",
        without="                messages = first_messages(entry.outcome, self._desk)\n"
        "                if entry.outcome.ending is Ending.FAILED:\n"
        "                    self._publish([(Entry(entry.outcome, 0.0), message) for message in messages])\n"
        "                    messages = ()\n",
        tests=(CONFIRMED + "test_an_original_stays_until_its_copy_is_confirmed",),
    ),
    Safeguard(
        name="what no queue takes is published again",
        file="runners/direct/ledger.py",
        text="                if answer is not Confirm.CONFIRMED:\n",
        without="                if answer is None:\n",
        tests=(
            LEDGER + "test_what_no_queue_takes_is_published_until_one_does",
            ENGINE + "test_nobody_listening_inside_is_waited_for",
        ),
    ),
    Safeguard(
        name="claims of what failed are released",
        file="runners/direct/claims.py",
        text="        woken += memory.release(released)\n",
        without="        woken += []\n",
        tests=(LEDGER + "test_a_twin_is_promoted_when_the_first_fails",),
    ),
)

PLACING = (
    Safeguard(
        name="intent",
        file="io/place.py",
        text="        if files:\n            self._intend_or_discard(files)\n",
        without="",
        tests=(PLACE + "test_all_files_of_a_round_are_intended_before_the_first_is_renamed",),
    ),
    Safeguard(
        name="intent before rename",
        file="io/place.py",
        text="        if files:\n            self._intend_or_discard(files)\n"
        "        results = [place(arrival, self.tree, self._give_up) for arrival in self.arrivals]\n",
        without="        results = [place(arrival, self.tree, self._give_up) for arrival in self.arrivals]\n"
        "        if files:\n            self._intend_or_discard(files)\n",
        tests=(PLACE + "test_all_files_of_a_round_are_intended_before_the_first_is_renamed",),
    ),
    Safeguard(
        name="file synced before its name, where asked",
        file="io/place.py",
        text="        if self.for_good:\n            yield from map(late, self._sync())\n",
        without="",
        tests=(SYNC + "test_the_disk_keeps_all_files_of_a_round_before_names_and_all_names_before_they_are_told",),
    ),
    Safeguard(
        name="name synced before it is told, where asked",
        file="io/place.py",
        text="map(late, self._kept(results) if self.for_good else results)",
        without="map(late, results)",
        tests=(SYNC + "test_the_disk_keeps_all_files_of_a_round_before_names_and_all_names_before_they_are_told",),
    ),
    Safeguard(
        name="intent taken back when a rename fails",
        file="io/place.py",
        text='            self.intend([replace(arrival, fetched=replace(arrival.fetched, temporary=""))])\n',
        without="            pass\n",
        tests=(PLACE + "test_all_files_of_a_round_are_intended_before_the_first_is_renamed",),
    ),
    Safeguard(
        name="what was renamed is not fetched again",
        file="runners/direct/sieve.py",
        text="        if tree_at(self.root).stat(intent.temporary) is None:\n            return True\n",
        without="",
        tests=(SIEVE + "test_what_was_renamed_is_placed_whatever_became_of_it",),
    ),
    Safeguard(
        name="rename",
        file="io/tree.py",
        text="        temporary = temporary_name(name)\n        descriptor",
        without="        temporary = name\n        descriptor",
        tests=(TREE + "test_file_appears_under_its_name_only_when_renamed",),
    ),
    Safeguard(
        name="a sweep spares what an intent names",
        file="io/tree.py",
        text="for place in self._temporaries() if place not in spare)",
        without="for place in self._temporaries())",
        tests=(TREE + "test_sweep_spares_what_an_intent_names", SIEVE + "test_a_sweep_spares_what_is_intended"),
    ),
    Safeguard(
        name="checksum compared",
        file="transforms/verify.py",
        text="    if fetched.digest != _digest(announced):\n",
        without="    if not _digest(announced):\n",
        tests=(
            VERIFY + "test_wrong_checksum_is_tried_again",
            ENGINE + "test_sarra_brings_what_is_announced_and_tells_everybody",
        ),
    ),
    Safeguard(
        name="checksum of the method announced",
        file="transforms/verify.py",
        text="    if fetched.method != announced.method:\n",
        without="    if fetched.method != announced.method:\n        return announced\n    if not announced.method:\n",
        tests=(VERIFY + "test_checksum_that_was_not_calculated_is_never_taken_for_right",),
    ),
    Safeguard(
        name="short file noticed",
        file="io/incoming.py",
        text="        if size is not None and self.received < size:\n",
        without="        if size is not None and self.received < 0:\n",
        tests=("tests/io/test_fake_site.py::test_a_mishap_befalls_one_request",),
    ),
    Safeguard(
        name="path check in Validate",
        file="schemas/paths.py",
        text="    check_characters(path)\n    _check_components(path, outside)\n    return path\n",
        without="    return path\n",
        tests=(
            "tests/schemas/test_paths.py::test_path_that_could_leave_the_root_is_refused",
            "tests/transforms/test_validate.py::test_path_outside_the_root_is_refused_on_every_edge",
        ),
    ),
    Safeguard(
        name="path check in the data root",
        file="io/places.py",
        text="""    if name in ("", ".", "..") or "\\0" in place or place[0] == "/":\n""",
        without="""    if "\\0" in place:\n""",
        tests=(TREE + "test_place_that_is_no_plain_relative_path_is_refused",),
    ),
    Safeguard(
        name="no link is followed in the data root",
        file="io/tree.py",
        text="_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC\n",
        without="_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC\n",
        tests=(TREE + "test_link_planted_on_the_way_is_not_written_through",),
    ),
)

MEETING = (
    Safeguard(
        name="reserve",
        file="runners/direct/sieve.py",
        text="    if reservation is Reservation.TAKEN_HERE:\n",
        without="    if reservation is None:\n",
        tests=(
            SIEVE + "test_a_twin_is_parked_and_woken",
            LEDGER + "test_a_twin_waits_for_the_first_and_ends_as_a_repeat",
        ),
    ),
    Safeguard(
        name="reserve between processes",
        file="io/memory/reservations.py",
        text="            if not self._owner.lives(present[:NAME_BYTES]):\n",
        without="            if present:\n",
        tests=(MEMORY + "test_a_path_reserved_elsewhere_is_free_when_its_owner_commits",),
    ),
    Safeguard(
        name="owner lock",
        file="io/memory/owners.py",
        text="        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        without="",
        tests=(MEMORY + "test_a_path_reserved_elsewhere_is_free_when_its_owner_commits",),
    ),
    Safeguard(
        name="a killed owner is known by its lock",
        file="io/memory/owners.py",
        text="    else:\n        return False\n    finally:\n",
        without="    else:\n        return True\n    finally:\n",
        tests=(
            MEMORY + "test_a_killed_owner_voids_its_reservations_at_once",
            MEMORY + "test_a_path_left_by_a_killed_owner_is_free_for_who_opens_later",
        ),
    ),
    Safeguard(
        name="an older word is superseded",
        file="transforms/winnow.py",
        text="    if claim.pub_time < said.pub_time:\n",
        without="    if claim.pub_time < 0:\n",
        tests=(LEDGER + "test_an_older_word_of_the_same_announcer_is_superseded",),
    ),
)

CARE = (
    Safeguard(
        name="crash counter",
        file="runners/direct/suspects.py",
        text="            self._book.begin(self._underway.values())\n",
        without="            pass\n",
        tests=("tests/runners/direct/test_suspects.py::test_the_third_crash_of_one_delivery_makes_a_dead_letter_of_it_alone",),
    ),
    Safeguard(
        name="third crash makes a dead letter",
        file="runners/direct/suspects.py",
        text="        if crashes >= CRASHES:\n",
        without="        if crashes >= 1000 * CRASHES:\n",
        tests=("tests/runners/direct/test_suspects.py::test_the_third_crash_of_one_delivery_makes_a_dead_letter_of_it_alone",),
    ),
    Safeguard(
        name="a hanging transfer gives way to a twin",
        file="runners/direct/give_way.py",
        text="        return now - since >= patience(outcome.delivery.attempt)\n",
        without="        return now - since >= 1000 * PATIENCE\n",
        tests=("tests/runners/direct/test_give_way.py::test_a_transfer_that_hangs_gives_its_path_to_a_twin_that_waits",),
    ),
    Safeguard(
        name="two slow sources do not take turns for ever",
        file="runners/direct/give_way.py",
        text="    return PATIENCE * 2.0 ** min(attempt - 1, MOST_DOUBLINGS)\n",
        without="    return PATIENCE\n",
        tests=(
            "tests/runners/direct/test_give_way.py::"
            "test_each_attempt_has_twice_the_time_so_that_two_slow_sources_do_not_take_turns_for_ever",
        ),
    ),
    Safeguard(
        name="hosts that hang leave others a connection",
        file="io/lanes.py",
        text="        if total >= CROWD * self._limit:\n",
        without="        if total >= self._limit:\n",
        tests=("tests/io/test_lanes.py::test_a_host_that_has_none_under_way_gets_one_beyond_the_limit",),
    ),
    Safeguard(
        name="one process an instance",
        file="runners/alone.py",
        text="        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        without="        pass\n",
        tests=(
            "tests/runners/test_alone.py::test_a_second_process_in_the_folder_of_an_instance_is_told_of_the_first",
            "tests/runners/test_alone.py::test_who_comes_while_another_ends_waits_for_that",
            "tests/e2e/test_status_and_hold.py::test_an_instance_that_runs_is_alone_in_its_folder",
        ),
    ),
    Safeguard(
        name="no copies for whom an announcer names",
        file="io/bookkeeping.py",
        text=" or name in COPIES",
        without="",
        tests=("tests/e2e/test_bad_posts.py::test_an_announcer_has_no_copies_put_into_queues_of_others",),
    ),
    Safeguard(
        name="a full disk at settling is waited for",
        file="runners/direct/ledger.py",
        text="            self._hinder(self._settle, entries, error)\n            return\n",
        without="            raise error\n",
        tests=(
            "tests/runners/direct/test_ledger_troubles.py::test_what_cannot_be_settled_now_because_a_disk_is_full_is_settled_later",
        ),
    ),
    Safeguard(
        name="a hold keeps fresh work out of rounds",
        file="runners/direct/intake.py",
        text="        self._paused = True\n        for edge in self._inputs:\n            self._source.cancel(edge.queue)\n",
        without="        self._paused = True\n",
        tests=("tests/runners/direct/test_intake.py::test_a_hold_gives_back_what_came_before_it_and_takes_nothing_more",),
    ),
    Safeguard(
        name="what is unsettled for too long is given back",
        file="runners/direct/ledger.py",
        text="        self._holders.put_back(overdue)\n",
        without="        self._holders.put_back([])\n",
        tests=(
            "tests/runners/direct/test_ledger_troubles.py::test_what_nobody_confirms_for_too_long_goes_back_to_its_queue_and_ends_once",
        ),
    ),
)

ROUNDS = (
    Safeguard(
        name="halving",
        file="runners/direct/halving.py",
        text="        return self.run(deliveries[:middle]) + self.run(deliveries[middle:])\n",
        without="        return [culprit(delivery, error) for delivery in deliveries if middle]\n",
        tests=(HALVING + "test_the_culprit_alone_fails",),
    ),
    Safeguard(
        name="one Outcome for each Delivery",
        file="runners/direct/halving.py",
        text="        return outcomes if _is_one_each(deliveries, outcomes) else list(_one_each(deliveries, outcomes))\n",
        without="        return outcomes\n",
        tests=(
            HALVING + "test_a_step_that_drops_is_told_of",
            HALVING + "test_a_step_that_doubles_is_told_of",
            HALVING + "test_a_drop_is_not_hidden_by_a_double",
        ),
    ),
    Safeguard(
        name="a full disk is no bug",
        file="runners/unforeseen.py",
        text="    if trouble is None:\n",
        without="    if trouble is None or trouble:\n",
        tests=(HALVING + "test_a_full_disk_is_no_bug",),
    ),
    Safeguard(
        name="put back on hold",
        file="runners/direct/intake.py",
        text="        self._holders.put_back(self._inlet.empty())\n",
        without="        self._inlet.empty()\n",
        tests=("tests/runners/direct/test_intake.py::test_a_hold_gives_back_what_came_before_it_and_takes_nothing_more",),
    ),
)

BROKER = (
    Safeguard(
        name="forged bookkeeping is taken off",
        file="runners/engines/inlet.py",
        text="strip(delivery) if delivery.headers else delivery",
        without="delivery",
        tests=("tests/runners/engines/test_inlet.py::test_forged_bookkeeping_is_not_believed",),
    ),
    Safeguard(
        name="a Delivery of a past connection is not settled",
        file="io/amqp/broker.py",
        text="            if consumer is not None and consumer.epoch == epoch:\n                consumer.settle(tags)\n",
        without="            if consumer is not None:\n                consumer.settle(tags)\n",
        tests=("tests/io/test_amqp.py::test_after_a_broken_connection_old_deliveries_are_passed_over",),
    ),
    Safeguard(
        name="what a lost connection left unconfirmed is published again",
        file="io/amqp/publish.py",
        text="        self._waiting.extendleft(reversed(left))\n",
        without="",
        tests=("tests/io/test_amqp_publish.py::test_what_a_lost_channel_left_goes_first_and_in_order",),
    ),
    Safeguard(
        name="a returned message is not taken for confirmed",
        file="io/amqp/publish.py",
        text="                parcel.returned = True\n",
        without="                parcel.returned = False\n",
        tests=("tests/io/test_amqp.py::test_thousands_that_nobody_takes_are_each_told",),
    ),
    Safeguard(
        name="what is settled is acknowledged before the end",
        file="io/amqp/broker.py",
        text="        self._link.call(self._traffic.settle_now)\n        self._link.close()\n",
        without="        self._link.close()\n",
        tests=("tests/io/test_broker_contract.py::test_what_is_settled_does_not_come_again",),
    ),
    Safeguard(
        name="who is settled waits for an older one only for a moment",
        file="io/amqp/consume.py",
        text="        else:\n            self._wait()\n",
        without="",
        tests=(
            "tests/io/test_broker_contract.py::test_what_is_settled_out_of_order_makes_room_though_an_older_one_is_held",
            "tests/io/test_amqp_wire.py::test_who_waits_for_an_older_one_that_is_held_for_long_waits_no_longer",
        ),
    ),
)

FLINK = (
    Safeguard(
        name="acknowledge on Flink what a later checkpoint surely holds",
        file="runners/flink/marks.py",
        text="        surely = 0\n",
        without="        surely = number\n",
        tests=(
            "tests/runners/flink/test_marks.py::test_nothing_is_acknowledged_that_no_completed_checkpoint_holds",
            "tests/flink/test_crash.py::test_what_is_read_while_a_checkpoint_is_being_made_is_not_lost",
        ),
    ),
    Safeguard(
        name="no reader on Flink goes on after a bundle that failed",
        file="runners/flink/marks.py",
        text=" and not self._since_mark",
        without="",
        tests=(
            "tests/runners/flink/test_marks.py::"
            "test_what_a_bundle_took_that_failed_before_it_made_a_mark_was_handed_out_after_the_last_mark",
        ),
    ),
    Safeguard(
        name="no shard of a past on Flink that was rolled back",
        file="runners/flink/shards.py",
        text="            return kept[1] if kept[0] == name else None\n",
        without="            return kept[1]\n",
        tests=("tests/runners/flink/test_shards.py::test_a_shard_of_a_past_that_was_rolled_back_is_not_used",),
    ),
    Safeguard(
        name="go on from where a pump on Flink left off",
        file="runners/flink/operate.py",
        text="        if origin is None and not afresh:\n",
        without="        if origin is None and afresh:\n",
        tests=(
            OPERATE + "test_a_pump_goes_on_from_its_last_savepoint",
            OPERATE + "test_a_pump_goes_on_from_its_last_checkpoint_when_everything_was_killed",
        ),
    ),
    Safeguard(
        name="start no pump on Flink twice",
        file="runners/flink/operate.py",
        text="        self.need_stopped(pump)\n",
        without="",
        tests=(OPERATE + "test_a_pump_that_runs_is_not_started_twice",),
    ),
    Safeguard(
        name="restore from what is complete",
        file="runners/flink/restore.py",
        text="        if told.st_size:\n",
        without="        if told:\n",
        tests=("tests/runners/flink/test_restore.py::test_what_was_never_completed_is_passed_over",),
    ),
)

SAFEGUARDS = (*ENDING, *PLACING, *MEETING, *CARE, *ROUNDS, *BROKER, *FLINK)

DEMANDED = (
    "settle after confirm",
    "commit after confirm",
    "intent",
    "rename",
    "reserve",
    "path check in Validate",
    "path check in the data root",
    "owner lock",
    "halving",
)
"""Safeguards without which there is no promise at all."""
