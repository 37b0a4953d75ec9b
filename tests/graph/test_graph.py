"""The graph by itself: what depends on what, names, and what no graph may be."""

from __future__ import annotations

import pytest
import tensorflow as tf

import deeplift_tf as dl
from deeplift_tf.errors import DeepLiftError, LayerNameError
from deeplift_tf.graph.graph import Edge, Graph, Input, Node

SHAPE = tf.TensorShape([None, 3])


def node(name: str, *inputs: str) -> Node:
    return Node(name, dl.layers.Add(), tuple(map(Edge, inputs)), (SHAPE,), name, "Add")


def graph(*nodes: Node, **outputs: Edge) -> Graph:
    return Graph((Input("x", SHAPE, tf.float32), Input("z", SHAPE, tf.float32)), nodes, outputs)


FORK = graph(
    node("a", "x"), node("m/b", "a"), node("c", "a", "z"), node("d", "m/b", "c"), node("aside", "z"), y=Edge("d")
)


def test_ancestors_are_in_order() -> None:
    assert [each.name for each in FORK.ancestors([Edge("d")])] == ["a", "m/b", "c", "d"]
    assert [each.name for each in FORK.ancestors([Edge("m/b"), Edge("aside")])] == ["a", "m/b", "aside"]
    assert FORK.ancestors([Edge("x")]) == ()


def test_descendants_leave_out_the_value_itself() -> None:
    assert FORK.descendants([Edge("x")]) == {"a", "m/b", "c", "d"}
    assert FORK.descendants([Edge("m/b")]) == {"d"}
    assert FORK.descendants([Edge("d")]) == set()


def test_values_by_name() -> None:
    assert FORK.value("y") == FORK.head("y") == Edge("d")
    assert FORK.value("b") == Edge("m/b") == FORK.head("m/b")
    assert FORK.value("x") == Edge("x")
    assert FORK.shape(Edge("x")) == FORK.shape(Edge("c")) == SHAPE
    assert FORK.node("c").inputs == (Edge("a"), Edge("z"))


def test_an_output_may_have_the_name_of_another_layer() -> None:
    named = graph(node("a", "x"), node("b", "a"), a=Edge("b"))
    assert named.value("a") == Edge("a")
    assert named.head("a") == Edge("b")


def test_a_name_that_ends_several_is_refused() -> None:
    several = graph(node("m/b", "x"), node("n/b", "m/b"), y=Edge("n/b"))
    with pytest.raises(LayerNameError, match="'b' is the end of several names: m/b, n/b; give one of them in full"):
        several.value("b")
    with pytest.raises(LayerNameError, match=r"no layer is named 'c'; the closest are"):
        several.value("c")
    with pytest.raises(LayerNameError, match="no layer is named 'q'"):
        several.node("q")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("a", "b"), node("b", "x")], r"layer 'a' \(Add\): .*received inputs .*'b'.* that no earlier layer makes"),
        ([node("a", "x"), node("a", "x")], "two layers are named 'a'"),
        ([node("x", "z")], "two layers are named 'x'"),
        ([node("b", "x")], r"outputs \['y'\] are made by no layer"),
    ],
)
def test_what_is_no_graph(nodes: list[Node], message: str) -> None:
    with pytest.raises(DeepLiftError, match=message):
        graph(*nodes, y=Edge("a"))
