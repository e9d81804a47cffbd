"""gdb commands for programs that use Trine, in a live process or a core file:

    (gdb) source trine-gdb.py
    (gdb) trine units            every unit: id, kind, name, state, what it waits for, where spawned
    (gdb) trine bt               the same for parked coroutines, each with its backtrace
    (gdb) trine bt ID...         these coroutines only
    (gdb) trine select ID        bt, up, frame, info locals ... show that coroutine from here on
    (gdb) trine select none      the thread's own stack again (as does letting the program run)

Nothing in the program is changed and none of its code is run. The library's debug information is
needed: build with -g. A coroutine that runs is seen by `bt` of its worker's thread. Core files must
be the kernel's own (ulimit -c unlimited): gdb's generate-core-file leaves out stacks whose guards
were made by MADV_GUARD_INSTALL.
"""

import re
import struct
import time

import gdb
import gdb.unwinder


class Refusal(gdb.GdbError):
    """What the user has done that cannot be answered."""


class Layout:
    """Offsets in a structure of the program, whose fields are scalars or std::atomic of one."""

    def __init__(self, name):
        try:
            self.type = gdb.lookup_type(name)
        except gdb.error:
            raise Refusal(f"There is no debug information about {name}. Is this a program that uses "
                          "Trine, and was the library built with -g?")
        self.size = self.type.sizeof
        self.fields = {f.name: (f.bitpos // 8, f.type.strip_typedefs().sizeof)
                       for f in self.type.fields() if hasattr(f, "bitpos")}

    def number(self, data, field, signed=False):
        offset, size = self.fields[field]
        return int.from_bytes(data[offset:offset + size], "little", signed=signed)

    def bytes(self, data, field):
        offset, size = self.fields[field]
        return bytes(data[offset:offset + size])


def enumerators(name):
    return {f.enumval: f.name.rsplit("::", 1)[-1] for f in gdb.lookup_type(name).fields()}


def read(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def text_at(address):
    if address == 0:
        return ""
    try:
        kind = gdb.lookup_type("char").const().pointer()
        return gdb.Value(address).cast(kind).string(errors="replace", length=-1)
    except gdb.error:
        return "?"


def now_ns():
    """The program's clock, which only a process on this machine shares with us."""
    connection = gdb.selected_inferior().connection
    return time.monotonic_ns() if connection is not None and connection.type == "native" else None


class Unit:
    def __init__(self, layout, names, data):
        self.id = layout.number(data, "id")
        self.kind = names["kind"].get(layout.number(data, "kind"), "?")
        self.state = names["state"].get(layout.number(data, "now"), "?")
        self.reason = names["reason"].get(layout.number(data, "why"), "?")
        self.since = layout.number(data, "since", signed=True)
        self.where = layout.number(data, "where", signed=True)
        self.frame = layout.number(data, "frame")
        self.line = layout.number(data, "line")
        self.name = layout.bytes(data, "name").split(b"\0")[0].decode("utf-8", "replace")
        self.file = text_at(layout.number(data, "file"))

    def parked(self):
        """Whether it is a coroutine that has left its stack and whose context is on record."""
        return self.kind == "coroutine" and self.state in ("parked", "ready") and self.frame != 0

    def line_of_text(self, now):
        words = [f"{self.kind} {self.id}"]
        if self.name:
            words.append(f"\"{self.name}\"")
        state = self.state
        if state == "parked":
            state += f" ({self.reason}"
            if now is not None and 0 < self.since <= now:
                state += f", {(now - self.since) / 1e6:.1f} ms"
            state += ")"
        words.append(state)
        if self.kind == "coroutine" and self.state not in ("queued", "free"):
            words.append(f"home {self.where}")
        if self.file:
            words.append(f"spawned at {self.file}:{self.line}")
        return ", ".join(words)


def all_units():
    layout = Layout("trine::observe::slot")
    symbol = gdb.lookup_global_symbol("trine::observe::the_debugger_view")
    if symbol is None or int(symbol.value()["slots"]) == 0:
        raise Refusal("Trine has not started any unit here.")
    view = symbol.value()
    names = {"kind": enumerators("trine::unit_kind"),
             "state": enumerators("trine::observe::state"),
             "reason": enumerators("trine::observe::reason")}
    base = int(view["slots"])
    used = int.from_bytes(read(int(view["used_groups"]), 4), "little")
    occupied = read(int(view["occupied"]), used) if used else b""
    count = int(view["group_slots"])
    units = []
    for group in range(used):
        if occupied[group] == 0:
            continue
        data = memoryview(read(base + group * count * layout.size, count * layout.size))
        for i in range(count):
            one = data[i * layout.size:(i + 1) * layout.size]
            if layout.number(one, "id") != 0:
                units.append(Unit(layout, names, one))
    return units


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """Makes the coroutine's innermost frame the caller of the selected thread's innermost one."""

    # Registers, and where src/coroutine/context_<processor>.hpp leaves them above the stored sp.
    registers = {"i386:x86-64": ("rip", "rsp", "rbp"), "aarch64": ("pc", "sp", "x29")}
    frame_pointer_at, pc_at, context_size = 8, 16, 24

    def __init__(self):
        super().__init__("trine-coroutine")
        self.target = None
        self.thread_sp = None

    def show(self, frame):
        """The context of this suspended from now on; None for the thread's own stack."""
        self.target = None
        gdb.invalidate_cached_frames()
        if frame is None:
            return
        newest = gdb.newest_frame()
        self.names = self.registers.get(newest.architecture().name())
        if self.names is None:
            raise Refusal(f"Backtraces of coroutines on {newest.architecture().name()} are not known.")
        suspended = Layout("trine::coroutines::suspended")
        sp = suspended.number(read(frame, suspended.size), "sp")
        context = read(sp, self.context_size)
        self.thread_sp = int(newest.read_register(self.names[1]))
        self.target = (struct.unpack_from("<Q", context, self.pc_at)[0], sp + self.context_size,
                       struct.unpack_from("<Q", context, self.frame_pointer_at)[0])
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.target is None:
            return None
        pc, sp, _ = (pending.read_register(name) for name in self.names)
        if int(sp) != self.thread_sp:
            return None
        # Below the coroutine's frames: gdb takes a caller that lies lower for a broken stack.
        below = gdb.Value(self.target[1] - 256).cast(sp.type)
        info = pending.create_unwind_info(FrameId(below, pc))
        for name, old, value in zip(self.names, (pc, sp, sp), self.target):
            info.add_saved_register(name, gdb.Value(value).cast(old.type))
        return info


unwinder = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)
gdb.events.cont.connect(lambda event: setattr(unwinder, "target", None))


def backtrace_of(unit):
    """What bt prints for it, without the frame of the thread that stands in for it."""
    unwinder.show(unit.frame)
    try:
        text = gdb.execute("backtrace", to_string=True)
    finally:
        unwinder.show(None)
    entries = re.split(r"^(?=#\d)", text, flags=re.MULTILINE)
    kept = [e for e in entries if re.match(r"#\d", e)][1:]
    return "".join(re.sub(r"^#\d+ *", lambda _: f"#{i:<3}", e) for i, e in enumerate(kept))


def wanted(argument, units):
    """The parked coroutines that the argument names; all of them when it names none."""
    if not argument.strip():
        return [u for u in units if u.parked()]
    chosen = []
    for word in gdb.string_to_argv(argument):
        try:
            number = int(word, 0)
        except ValueError:
            raise Refusal(f"'{word}' is not the id of a unit; `trine units` lists them.")
        unit = next((u for u in units if u.id == number), None)
        if unit is None:
            raise Refusal(f"There is no unit {number}; `trine units` lists them.")
        if not unit.parked():
            raise Refusal(f"Unit {number} is not a parked coroutine: {unit.line_of_text(None)}. One "
                          "that runs is in the backtrace of its thread: `thread apply all bt`.")
        chosen.append(unit)
    return chosen


class Trine(gdb.Command):
    """Units of a program that uses Trine: trine units, trine bt, trine select."""

    def __init__(self):
        super().__init__("trine", gdb.COMMAND_STACK, prefix=True)


class Units(gdb.Command):
    """Lists every unit: kind, id, name, state, what it waits for and where it was spawned."""

    def __init__(self):
        super().__init__("trine units", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        units = all_units()
        now = now_ns()
        for unit in units:
            gdb.write(unit.line_of_text(now) + "\n")
        gdb.write(f"{len(units)} units\n")


class Backtraces(gdb.Command):
    """Backtraces of parked coroutines: trine bt [ID...]; of all of them without an id."""

    def __init__(self):
        super().__init__("trine bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        units = wanted(argument, all_units())
        now = now_ns()
        for unit in units:
            gdb.write(unit.line_of_text(now) + "\n")
            try:
                gdb.write(backtrace_of(unit) + "\n")
            except gdb.error as e:
                gdb.write(f"  no backtrace: {e}\n\n")
        gdb.write(f"{len(units)} parked coroutines\n")


class Select(gdb.Command):
    """Makes bt, up, frame and info locals show a parked coroutine: trine select ID, or none."""

    def __init__(self):
        super().__init__("trine select", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if argument.strip() in ("", "none"):
            unwinder.show(None)
            return
        unit = wanted(argument, all_units())[0]
        unwinder.show(unit.frame)
        gdb.write(unit.line_of_text(now_ns()) + "\n")
        gdb.execute("frame 1")


Trine()
Units()
Backtraces()
Select()
