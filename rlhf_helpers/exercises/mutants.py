"""Right functions with one thing changed: the mistakes that nobody had to think of."""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator

SWAPS = {
    **{"sum": "mean", "mean": "sum", "minimum": "maximum", "maximum": "minimum", "max": "min", "min": "max"},
    **{"std": "var", "var": "std", "log_softmax": "softmax", "softmax": "log_softmax"},
}
CAN_BE_FORGOTTEN = {"exp", "log", "sqrt", "square", "abs", "sigmoid", "logsigmoid", "clamp", "masked_fill", "cumsum"}
CAN_BE_FORGOTTEN |= {"flip", "sum", "mean", "softmax", "log_softmax", "detach", "softplus", "round", "ceil"}
REDUCERS = {"sum", "mean", "std", "var", "cumsum", "flip", "softmax", "log_softmax", "max", "gather", "prod"}
OPERATORS = {
    **{ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,)},
    **{ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,)},
}
COMPARISONS = {
    **{ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.Lt), ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt)},
    **{ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,)},
}
SIGNS = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.BitOr: "|", ast.Pow: "**"},
    **{ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="},
}
Change = tuple[str, Callable[[ast.AST], ast.AST]]


def mutants(function: Callable, example: dict, trained: Iterable[str] = ()) -> Iterator[tuple[str, Callable]]:
    """Make every function that differs from a right one in a single place.

    Args:
        function: written with ``def``, in a file; what it calls of ours is not looked into.
        example: its inputs by name, which say what can be hard-coded and what can be swapped.
        trained: the inputs that a gradient should reach, and that can be detached.

    Yields:
        What is different, in words that follow "a right answer in which", and the function.
    """
    names = [name for name in inspect.signature(function).parameters if name in example]
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if _alike(example[name], example[other]):
                yield f"`{name}` and `{other}` are swapped", _swapped(function, names, name, other)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    _drop_annotations(tree.body[0])
    of_no_value = {id(inner) for node in ast.walk(tree) if _reads_a_shape(node) for inner in ast.walk(node)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in of_no_value:
            for words, change in _changes(node, function, example, trained):
                yield words, _rebuilt(tree, number, change, function)


def _drop_annotations(function: ast.FunctionDef) -> None:
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None


def _reads_a_shape(node: ast.AST) -> bool:
    """Whether a node looks at what a tensor is, and not at its numbers."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", getattr(node.func, "attr", "")) in ("len", "zeros_like")
    return isinstance(node, ast.Attribute) and node.attr in ("dtype", "shape")


def _alike(a: object, b: object) -> bool:
    return type(a) is type(b) and getattr(a, "shape", None) == getattr(b, "shape", None)


def _swapped(function: Callable, names: list[str], one: str, two: str) -> Callable:
    order = [two if name == one else one if name == two else name for name in names]
    return lambda *inputs: function(*(inputs[names.index(name)] for name in order if names.index(name) < len(inputs)))


def _rebuilt(tree: ast.Module, number: int, change: Callable[[ast.AST], ast.AST], function: Callable) -> Callable:
    """Compile the function with one node of its tree replaced."""
    fresh = copy.deepcopy(tree)
    target = list(ast.walk(fresh))[number]
    changed = change(target)

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return changed if node is target else self.generic_visit(node)

    whole = ast.fix_missing_locations(Replace().visit(fresh))
    names = dict(function.__globals__)
    exec(compile(whole, f"<mutant of {function.__name__}>", "exec"), names)
    return names[function.__name__]


def _changes(node: ast.AST, function: Callable, example: dict, trained: Iterable[str]) -> Iterator[Change]:
    """What can be done to one node."""
    if isinstance(node, ast.Call):
        yield from _of_a_call(node)
    elif isinstance(node, ast.BinOp):
        yield from _of_an_operation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        if not isinstance(node.operand, ast.Constant):
            yield f"the sign in `{ast.unparse(node)}` is missing", lambda node: node.operand
    elif isinstance(node, ast.Compare):
        for kind in COMPARISONS.get(type(node.ops[0]), ()):
            words = f"`{SIGNS[kind]}` stands for `{SIGNS[type(node.ops[0])]}` in `{ast.unparse(node)}`"
            yield words, lambda node, kind=kind: ast.Compare(node.left, [kind()], node.comparators)
    elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return):
        yield f"the special case `{ast.unparse(node.test)}` is missing", lambda node: ast.Pass()
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield "the results are in another order", lambda node: ast.Return(ast.Tuple(node.value.elts[::-1], ast.Load()))
    elif isinstance(node, ast.Slice) and node.step and isinstance(node.lower, ast.Constant):
        yield (
            f"`{ast.unparse(node)}` begins one later",
            lambda node: ast.Slice(ast.Constant(1 - node.lower.value), node.upper, node.step),
        )
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in example:
        yield from _of_an_input(node, function, example[node.id], node.id in trained)


def _of_a_call(node: ast.Call) -> Iterator[Change]:
    method = isinstance(node.func, ast.Attribute)
    name = node.func.attr if method else getattr(node.func, "id", "")
    owner = ast.unparse(node.func.value) if method else ""
    inner = node.func.value if method and owner not in ("torch", "math", "functional") else next(iter(node.args), None)
    if name in SWAPS:
        yield f"`{SWAPS[name]}` stands for `{name}`", lambda node: _renamed(node, SWAPS[name])
    if name in CAN_BE_FORGOTTEN and inner is not None:
        outer = inner is node.args[0] if node.args else False
        yield f"`{name}` is missing", lambda node: node.args[0] if outer else node.func.value
    if name in REDUCERS:
        for place, axis in enumerate(node.args):
            if isinstance(value := _constant(axis), int):
                other = 0 if value else 1
                words = f"`{name}` runs along dimension {other}, not {value}"
                yield words, lambda node, place=place, other=other: _with_argument(node, place, other)
                if name in ("sum", "mean", "std", "var"):
                    yield f"`{name}` runs over everything", lambda node: ast.Call(node.func, [], [])
    if name in ("clamp", "clip") and len(node.args) == 2:
        for place, side in enumerate(("lower", "upper")):
            words = f"`{name}` has no {side} limit"
            yield words, lambda node, place=place: _with_argument(node, place, (-1e9, 1e9)[place])
    for keyword in node.keywords:
        if keyword.arg in ("keepdim", "correction", "unbiased"):
            words = f"`{keyword.arg}` is missing"
            yield (
                words,
                lambda node, gone=keyword.arg: ast.Call(
                    node.func, node.args, [entry for entry in node.keywords if entry.arg != gone]
                ),
            )


def _of_an_operation(node: ast.BinOp) -> Iterator[Change]:
    sign = SIGNS.get(type(node.op), "")
    for kind in OPERATORS.get(type(node.op), ()):
        words = f"`{SIGNS[kind]}` stands for `{sign}` in `{ast.unparse(node)}`"
        yield words, lambda node, kind=kind: ast.BinOp(node.left, kind(), node.right)
    yield f"`{sign} {ast.unparse(node.right)}` is missing", lambda node: node.left
    if isinstance(node.op, ast.Sub | ast.Div):
        words = f"`{ast.unparse(node)}` is the other way round"
        yield words, lambda node: ast.BinOp(node.right, node.op, node.left)
    if isinstance(node.op, ast.Mult | ast.Add):
        yield f"`{ast.unparse(node.left)} {sign}` is missing", lambda node: node.right


def _of_an_input(node: ast.Name, function: Callable, value: object, trained: bool) -> Iterator[Change]:
    name = node.id
    if hasattr(value, "detach") and hasattr(value, "is_floating_point"):
        if trained:
            yield f"`{name}` is detached", lambda node: _parsed(f"{name}.detach()")
        yield f"`{name}` is taken for ones", lambda node: _parsed(f"({name} == {name}).to({name}.dtype)")
        yield f"`{name}` is taken for zeros", lambda node: _parsed(f"({name} != {name}).to({name}.dtype)")
        if not value.bool().all() and (value.double() == value.bool()).all():
            yield f"`{name}` is the wrong way round", lambda node: _parsed(f"({name} == 0).to({name}.dtype)")
    elif isinstance(value, int | float):
        default = inspect.signature(function).parameters[name].default
        usual = value if default is inspect.Parameter.empty else default
        yield f"`{name}` is always {usual}", lambda node: ast.Constant(usual)


def _renamed(node: ast.Call, name: str) -> ast.Call:
    named = (
        ast.Attribute(node.func.value, name, ast.Load())
        if isinstance(node.func, ast.Attribute)
        else ast.Name(name, ast.Load())
    )
    return ast.Call(named, node.args, node.keywords)


def _with_argument(node: ast.Call, place: int, value: float) -> ast.Call:
    arguments = [ast.Constant(value) if number == place else entry for number, entry in enumerate(node.args)]
    return ast.Call(node.func, arguments, node.keywords)


def _constant(node: ast.AST) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
