"""Workers that are late, die or do not answer: with workers that are made up, and a clock that is turned by hand."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from deeplift_tf.errors import InputError, ModelFileError, WorkerError
from deeplift_tf.runs.engines.patience import Patience
from deeplift_tf.runs.engines.pool import EACH, Place, Pool
from deeplift_tf.runs.source import RowBatch


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class ActorUnavailableError(RayError):
    pass


class ActorDiedError(RayError):
    pass


@dataclasses.dataclass(eq=False)
class Task:
    due: float
    outcome: Any


class Ray:
    """Tasks are done at their time; waiting turns the clock."""

    class exceptions:  # noqa: N801
        RayError = RayError
        RayTaskError = RayTaskError
        ActorUnavailableError = ActorUnavailableError

    def __init__(self) -> None:
        self.now = 0.0
        self.killed: list[int] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, tasks: list[Task], num_returns: int, timeout: float) -> tuple[list[Task], list[Task]]:
        first = min(tasks, key=lambda task: task.due)
        if first.due > self.now + timeout:
            self.now += timeout
            return [], tasks
        self.now = max(self.now, first.due)
        return [first], [task for task in tasks if task is not first]

    def get(self, task: Task) -> Any:
        if isinstance(task.outcome, Exception):
            raise task.outcome
        return task.outcome

    def kill(self, actor: Worker) -> None:
        self.killed.append(actor.number)


class Worker:
    """By default it starts in a second and scores a batch in another one."""

    def __init__(self, ray: Ray, number: int, node: str) -> None:
        self.ray, self.number, self.node, self.up, self.free = ray, number, node, False, 0.0
        self.scored: list[int] = []
        self.asked: list[float] = []
        self.answer = self

    def remote(self) -> Task:
        self.asked.append(self.ray.now)
        return self.answers()

    def answers(self) -> Task:
        return Task(self.ray.now, None)

    def start(self) -> Task:
        return Task(self.ray.now + 1, None)

    def score(self, batch: RowBatch) -> Task:
        assert isinstance(batch.x, np.ndarray)
        self.scored.append(batch.rows.start)
        self.free = max(self.free, self.ray.now) + 1
        return Task(self.free, {"contributions": 2 * batch.x})


class Cluster:
    """What makes workers: those that are given, in order, then well ones; and how much room there is."""

    def __init__(self, *kinds: type[Worker], room: Callable[[float], int] = lambda now: 99) -> None:
        self.ray, self.kinds, self.room = Ray(), list(kinds), room
        self.workers: list[Worker] = []
        self.looked: list[float] = []

    def place(self, count: int) -> tuple[list[Place], str]:
        self.looked.append(self.ray.now)
        found = min(count, self.room(self.ray.now) - len(self.workers) + len(self.ray.killed))
        return [Place(f"id{index}", f"node{index}") for index in range(max(0, found))], f"{count - found} wait for room"

    def make(self, node: str) -> Worker:
        kind = self.kinds[len(self.workers)] if len(self.workers) < len(self.kinds) else Worker
        self.workers.append(kind(self.ray, len(self.workers), node))
        return self.workers[-1]

    def pool(self, count: int) -> Pool:
        return Pool(
            self.ray,
            count,
            self.place,
            self.make,
            lambda worker: worker.start(),
            lambda worker, batch: worker.score(batch),
            lambda: self.ray.now,
            self.ray.sleep,
        )

    def run(self, count: int, batches: int) -> None:
        """Score batches of two rows, and see that all come back in order, right."""
        found = list(self.pool(count).scored(rows(batches)))
        assert [batch.rows.start for batch, _ in found] == [2 * index for index in range(batches)]
        for index, (batch, scores) in enumerate(found):
            assert batch.x is None
            np.testing.assert_array_equal(scores["contributions"], np.full((2, 3), 2 * index))


def rows(batches: int) -> Iterator[RowBatch]:
    for index in range(batches):
        yield RowBatch(slice(2 * index, 2 * index + 2), np.full((2, 3), index), 0.0, {}, {})


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, "deeplift_tf")
    return lambda: [record.getMessage() for record in caplog.records]


def test_all_workers_score_and_batches_come_in_order(said: Callable[[], list[str]]) -> None:
    cluster = Cluster()
    cluster.run(3, 12)
    assert sorted(start for worker in cluster.workers for start in worker.scored) == list(range(0, 24, 2))
    assert [len(worker.scored) for worker in cluster.workers] == [4, 4, 4]
    assert cluster.ray.now == 1 + 4
    assert said() == []


def test_nothing_to_score_needs_no_worker() -> None:
    cluster = Cluster(room=lambda now: 0)
    cluster.run(2, 0)
    assert cluster.ray.now == 0


class Slow(Worker):
    def start(self) -> Task:
        return Task(self.ray.now + 6.5, None)

    def score(self, batch: RowBatch) -> Task:
        assert self.ray.now >= 6.5, "a batch for a worker that is not up"
        return super().score(batch)


def test_batches_go_to_workers_that_are_up() -> None:
    cluster = Cluster(Slow, Worker)
    cluster.run(2, 12)
    assert cluster.workers[1].scored[:5] == [0, 2, 4, 6, 8]
    assert cluster.workers[0].scored and len(cluster.workers[0].scored) < 5


class DiesAtStart(Worker):
    def start(self) -> Task:
        return Task(self.ray.now + 1, ActorDiedError("killed by the system"))


class DiesWhereItIsMade(Worker):
    def answers(self) -> Task:
        return Task(self.ray.now + 1, ActorDiedError("killed by the system"))


@pytest.mark.parametrize("kind", [DiesAtStart, DiesWhereItIsMade])
def test_a_worker_that_dies_while_it_starts_is_given_up(kind: type[Worker], said: Callable[[], list[str]]) -> None:
    cluster = Cluster(*[kind] * 9)
    with pytest.raises(WorkerError, match=r"died 3 times while it started; is there memory .* killed by the system"):
        cluster.run(1, 4)
    assert len(cluster.workers) == 3 and cluster.ray.now < 10
    other = Cluster(kind, Worker, kind, kind, kind, kind)
    other.run(2, 20)
    assert len(other.workers) == 4
    assert "the run goes on with 1 of 2 workers" in said()[-1]


def test_a_worker_that_has_started_may_die_at_a_later_start_again() -> None:
    cluster = Cluster(DiesAtStart, DiesAtStart, DiesOnce, DiesAtStart, DiesAtStart, Worker)
    cluster.run(1, 6)
    assert len(cluster.workers) == 6


@pytest.mark.parametrize("count", [1, 3])
def test_no_room_is_waited_for_a_minute(count: int) -> None:
    cluster = Cluster(room=lambda now: 0)
    with pytest.raises(WorkerError, match="wait for room; a minute is over"):
        cluster.run(count, 4)
    assert cluster.looked == [0, 1, 3, 7, 15, 31, 60]
    assert not cluster.workers


def test_a_run_starts_with_the_workers_that_have_room(said: Callable[[], list[str]]) -> None:
    cluster = Cluster(room=lambda now: 1)
    cluster.run(2, 100)
    assert len(cluster.workers) == 1
    assert said() == ["1 wait for room", "1 wait for room; a minute is over; the run goes on with 1 of 2 workers"]
    assert cluster.looked == [0, 1, 3, 7, 15, 31, 60]


def test_room_that_comes_later_is_taken(said: Callable[[], list[str]]) -> None:
    cluster = Cluster(room=lambda now: 1 if now < 10 else 2)
    cluster.run(2, 60)
    assert len(cluster.workers) == 2
    assert cluster.workers[1].scored[0] >= 2 * 13
    assert said() == ["1 wait for room"]


class NeverMade(Worker):
    def answers(self) -> Task:
        return Task(np.inf, None)


def test_a_worker_that_is_never_made_gets_nothing(said: Callable[[], list[str]]) -> None:
    cluster = Cluster(NeverMade, Worker)
    cluster.run(2, 100)
    assert cluster.workers[0].scored == [] and cluster.ray.killed == [0]
    assert said() == ["a worker on node0 was not started by Ray within a minute; the run goes on with 1 of 2 workers"]
    with pytest.raises(WorkerError, match="not started by Ray within a minute"):
        Cluster(NeverMade).run(1, 1)


class DiesOnce(Worker):
    """Dies while it scores its third batch."""

    def score(self, batch: RowBatch) -> Task:
        task = super().score(batch)
        return Task(3.0, ActorDiedError("its process ended\nand more")) if len(self.scored) >= 3 else task


def test_a_worker_that_dies_is_made_anew_and_its_batches_are_scored_again(said: Callable[[], list[str]]) -> None:
    cluster = Cluster(DiesOnce)
    cluster.run(1, 8)
    assert cluster.workers[0].scored == [0, 2, 4, 6] and cluster.workers[1].scored == [4, 6, 8, 10, 12, 14]
    assert said() == ["a worker died on node0 while it scored rows 4 to 6, which are scored again; its process ended"]


class DiesOfRows(Worker):
    def score(self, batch: RowBatch) -> Task:
        task = super().score(batch)
        return Task(task.due, ActorDiedError("out of memory")) if batch.rows.start == 6 else task


def test_rows_that_kill_every_worker_end_the_run() -> None:
    cluster = Cluster(*[DiesOfRows] * 20)
    with pytest.raises(WorkerError, match=r"rows 6 to 8: a worker died 4 times while it scored them; .* out of memory"):
        cluster.run(2, 10)


class OnALostNode(Worker):
    def score(self, batch: RowBatch) -> Task:
        task = super().score(batch)
        return Task(4.5, ActorDiedError("its node has died")) if task.due > 4 else task


def test_the_loss_of_a_node_counts_once(said: Callable[[], list[str]]) -> None:
    """Four workers on one node, each with two batches, which dies again under those that come after: five times."""
    cluster = Cluster(*[OnALostNode] * 4)
    pool = cluster.pool(4)
    found = list(pool.scored(rows(40)))
    assert [batch.rows.start for batch, _ in found] == list(range(0, 80, 2))
    assert len(cluster.workers) == 8 and sorted(cluster.ray.killed) == [0, 1, 2, 3]
    assert len(said()) == 4 and all("while it scored rows" in text for text in said())


class Away(Worker):
    """Does not answer from second 3 on until second 13, and says so for all that it is asked."""

    until = 13.0

    def away(self, task: Task) -> Task:
        if 3 <= task.due < self.until:
            return Task(max(3.0, self.ray.now), ActorUnavailableError("the connection broke"))
        return task

    def answers(self) -> Task:
        return self.away(super().answers())

    def score(self, batch: RowBatch) -> Task:
        return self.away(super().score(batch))


class Gone(Away):
    until = np.inf


def test_a_worker_that_does_not_answer_is_asked_again(said: Callable[[], list[str]]) -> None:
    cluster = Cluster(Away)
    cluster.run(1, 8)
    assert len(cluster.workers) == 1
    assert cluster.workers[0].asked == [0, 4, 6, 10, 18]
    assert said() == ["a worker on node0 does not answer; it is asked again for up to a minute"]


def test_others_score_meanwhile() -> None:
    cluster = Cluster(Away, Worker)
    cluster.run(2, 30)
    assert len(cluster.workers) == 2
    assert len(cluster.workers[1].scored) > len(cluster.workers[0].scored) > 2


def test_one_that_does_not_answer_for_a_minute_has_died_once(said: Callable[[], list[str]]) -> None:
    cluster = Cluster(Gone)
    cluster.run(1, 8)
    assert len(cluster.workers) == 2 and cluster.ray.killed == [0]
    assert 62 <= cluster.ray.now < 75
    assert "while it scored rows 2 to 4, which are scored again; it did not answer for a minute" in said()[-1]


class AnswersAndDoesNotScore(Worker):
    def score(self, batch: RowBatch) -> Task:
        super().score(batch)
        return Task(self.ray.now + 1, ActorUnavailableError("the connection broke"))


def test_one_that_answers_and_never_scores_is_given_a_minute_as_well() -> None:
    cluster = Cluster(AnswersAndDoesNotScore)
    cluster.run(1, 3)
    assert len(cluster.workers) == 2 and cluster.ray.now < 90


class Wrong(Worker):
    def score(self, batch: RowBatch) -> Task:
        return Task(self.ray.now, RayTaskError(InputError("row 3 is bad")))


class Stale(Worker):
    def start(self) -> Task:
        return Task(
            self.ray.now + 1, RayTaskError(WorkerError("worker on b: m.keras is not the file that it is there"))
        )


class NoModel(Worker):
    def start(self) -> Task:
        return Task(self.ray.now + 1, RayTaskError(ModelFileError("m.keras: no such file")))


def test_a_start_that_fails_for_another_reason_says_where() -> None:
    with pytest.raises(WorkerError, match=r"a worker on node0 could not start; .* m\.keras: no such file"):
        Cluster(NoModel).run(1, 3)


def test_what_a_worker_raises_ends_the_run() -> None:
    with pytest.raises(InputError, match="row 3 is bad"):
        Cluster(Wrong).run(1, 3)
    with pytest.raises(WorkerError, match=r"m.keras is not the file"):
        Cluster(Worker, Stale).run(2, 30)


def test_without_the_package_nothing_is_tried_again() -> None:
    class NoPackage(Worker):
        def answers(self) -> Task:
            error = ActorDiedError("The actor died\nModuleNotFoundError: No module named 'deeplift_tf'")
            error.actor_init_failed = True  # type: ignore[attr-defined]
            return Task(self.ray.now, error)

    cluster = Cluster(NoPackage)
    with pytest.raises(WorkerError, match=r"could not start; is the package there.*No module named 'deeplift_tf'"):
        cluster.run(1, 1)
    assert len(cluster.workers) == 1


def test_no_worker_holds_more_than_a_few() -> None:
    cluster = Cluster()
    read: list[int] = []

    def counted() -> Iterator[RowBatch]:
        for batch in rows(50):
            read.append(batch.rows.start)
            yield batch

    found = cluster.pool(2).scored(counted())
    next(found)
    assert len(read) <= 2 * EACH + 1


def test_patience_doubles_up_to_a_minute() -> None:
    ray = Ray()
    patience, times = Patience(lambda: ray.now), []
    while not patience.over:
        assert patience.due
        times.append(ray.now)
        patience.asked()
        ray.now = patience.next
    assert times == [0, 1, 3, 7, 15, 31]
    assert ray.now == 60
