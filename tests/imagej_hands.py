"""What a person does at ImageJ's windows: look, click, type; for code that runs in a process with ImageJ."""

import time
from typing import Any

from jpype import JClass


def wait_for(condition: Any, within_s: float = 60.0) -> Any:
    """Give what a condition gives as soon as that is true."""
    end = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{condition} did not come true; windows: {titles()}")
        time.sleep(0.05)
    return value


def titles() -> list[str]:
    """Titles of the open windows."""
    return [title_of(window) for window in JClass("java.awt.Window").getWindows() if window.isShowing()]


def title_of(window: Any) -> str:
    return str(window.getTitle()) if hasattr(window, "getTitle") else ""


def window(title: str, within_s: float = 60.0) -> Any:
    """The open window whose title begins like this."""

    def found() -> Any:
        for one in JClass("java.awt.Window").getWindows():
            if one.isShowing() and title_of(one).startswith(title):
                return one
        return None

    return wait_for(found, within_s)


def parts(container: Any) -> list[Any]:
    """All components in a window, in order."""
    listed = []
    for part in container.getComponents():
        listed.append(part)
        if isinstance(part, JClass("java.awt.Container")):
            listed += parts(part)
    return listed


def click(component: Any, x: float = 0.5, y: float = 0.5, times: int = 1) -> None:
    """Click on a component, at a share of its width and height."""
    corner, robot = component.getLocationOnScreen(), JClass("java.awt.Robot")()
    robot.setAutoDelay(50)
    robot.mouseMove(int(corner.x + x * component.getWidth()), int(corner.y + y * component.getHeight()))
    for _ in range(times):
        robot.mousePress(JClass("java.awt.event.InputEvent").BUTTON1_DOWN_MASK)
        robot.mouseRelease(JClass("java.awt.event.InputEvent").BUTTON1_DOWN_MASK)
    robot.waitForIdle()
    time.sleep(0.2)


def drag(component: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the left button between two places, in pixels of the component."""
    corner, robot = component.getLocationOnScreen(), JClass("java.awt.Robot")()
    button = JClass("java.awt.event.InputEvent").BUTTON1_DOWN_MASK
    robot.mouseMove(int(corner.x + start[0]), int(corner.y + start[1]))
    robot.mousePress(button)
    for step in range(1, 9):
        at = [a + (b - a) * step / 8 for a, b in zip(start, end, strict=True)]
        robot.mouseMove(int(corner.x + at[0]), int(corner.y + at[1]))
        robot.delay(20)
    robot.mouseRelease(button)
    robot.waitForIdle()
    time.sleep(0.2)


def button(container: Any, label: str) -> Any:
    """The button of a window with this label, of AWT or Swing."""
    for part in parts(container):
        if hasattr(part, "getLabel") and str(part.getLabel()).strip() == label:
            return part
        if hasattr(part, "getText") and str(part.getText()).strip() == label:
            return part
    raise LookupError(f"no {label!r} in {title_of(container)}")


def press(*names: str) -> None:
    """Press keys one after the other: names as in `KeyEvent`, `shift+A` with a modifier."""
    robot, keys = JClass("java.awt.Robot")(), JClass("java.awt.event.KeyEvent")
    for name in names:
        codes = [int(getattr(keys, f"VK_{key.upper()}")) for key in name.split("+")]
        for code in codes:
            robot.keyPress(code)
        for code in reversed(codes):
            robot.keyRelease(code)
        robot.delay(5)
    robot.waitForIdle()
    time.sleep(0.1)


NAMED_KEYS = {".": "PERIOD", ",": "COMMA", "-": "MINUS", "/": "SLASH", " ": "SPACE", "_": "shift+MINUS"}


def after_label(dialog: Any, label: str, kind: str) -> Any:
    """The first component of a kind after the label of a dialog's field."""
    row = parts(dialog)
    at = next(i for i, part in enumerate(row) if hasattr(part, "getText") and str(part.getText()).strip() == label)
    return next(part for part in row[at + 1 :] if isinstance(part, JClass(kind)))


def until(done: Any, act: Any, times: int = 6) -> None:
    """Do something again until it has had its effect: a busy display swallows a click now and then."""
    for _ in range(times):
        act()
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            if done():
                return
            time.sleep(0.05)
    raise TimeoutError(f"{act} had no effect; windows: {titles()}")


def fill(dialog: Any, label: str, text: str) -> None:
    """Type into the field that stands after a label."""
    field = after_label(dialog, label, "java.awt.TextField")

    def type_it() -> None:
        click(field)
        press("END", "shift+HOME")
        press(*(NAMED_KEYS.get(letter) or (f"shift+{letter}" if letter.isupper() else letter) for letter in text))

    until(lambda: str(field.getText()) == text, type_it)


def pick(dialog: Any, label: str, value: str) -> None:
    """Choose from the list that stands after a label."""
    choice = after_label(dialog, label, "java.awt.Choice")
    offered = [str(choice.getItem(i)) for i in range(choice.getItemCount())]

    def choose_it() -> None:
        click(choice)
        steps = offered.index(value) - choice.getSelectedIndex()
        press(*["DOWN" if steps > 0 else "UP"] * abs(steps), "ENTER")

    if str(choice.getSelectedItem()) != value:
        until(lambda: str(choice.getSelectedItem()) == value, choose_it)


def accept(dialog: Any, label: str = "OK") -> None:
    """Click on a button that closes its dialog."""
    until(lambda: not dialog.isShowing(), lambda: click(button(dialog, label)))


def our_menu() -> Any:
    """The menu *Plugins > Gold Digger*."""
    plugins = JClass("ij.Menus").getImageJMenu("Plugins")
    return next(
        item for item in map(plugins.getItem, range(plugins.getItemCount())) if item.getLabel() == "Gold Digger"
    )


def commands() -> list[str]:
    """What is in it."""
    menu = our_menu()
    return [str(menu.getItem(i).getLabel()) for i in range(menu.getItemCount())]


def choose(command: str) -> None:
    """Pick one of our commands as a click in the menu does, without the click."""
    event = JClass("java.awt.event.ActionEvent")(our_menu().getItem(commands().index(command)), 1001, command)
    JClass("ij.IJ").getInstance().actionPerformed(event)


def from_menu(command: str) -> None:
    """Pick one of our commands from the menu *Plugins*: with the mouse, and inside the menu with the arrow keys."""
    frame, robot = JClass("ij.IJ").getInstance(), JClass("java.awt.Robot")()
    bar, button = frame.getMenuBar(), JClass("java.awt.event.InputEvent").BUTTON1_DOWN_MASK
    labels = [str(bar.getMenu(i).getLabel()) for i in range(bar.getMenuCount())]
    widths = [frame.getFontMetrics(bar.getFont()).stringWidth(label) + 20 for label in labels]
    at = labels.index("Plugins")
    frame.toFront()
    time.sleep(0.3)
    corner, insets = frame.getLocationOnScreen(), frame.getInsets()
    x = corner.x + insets.left + sum(widths[:at]) + widths[at] / 2
    robot.mouseMove(int(x), int(corner.y + insets.top - 12))
    robot.mousePress(button)
    robot.mouseRelease(button)
    time.sleep(0.3)
    # Ours is the last, and opens to the right.
    press("UP", "RIGHT", *["DOWN"] * commands().index(command), "ENTER")


def status() -> str:
    """What ImageJ's status line says."""
    label = next(
        part for part in parts(JClass("ij.IJ").getInstance()) if isinstance(part, JClass("javax.swing.JLabel"))
    )
    return str(label.getText())


def dialogs(title: str = "") -> list[Any]:
    """The open dialogs whose title begins like this."""
    listed = [one for one in JClass("java.awt.Window").getWindows() if one.isShowing()]
    return [one for one in listed if isinstance(one, JClass("java.awt.Dialog")) and title_of(one).startswith(title)]


def asking(label: str) -> Any:
    """The dialog that asks for something, by the label of its field; it may be still to come."""

    def found() -> Any:
        for box in dialogs():
            if any(isinstance(part, JClass("java.awt.Label")) and part.getText() == label for part in parts(box)):
                return box
        return None

    return wait_for(found)


def start(command: str = "Detect Gold Particles...") -> Any:
    """Pick one of our commands; give its dialog."""
    choose(command)
    return wait_for(lambda: dialogs(command.removesuffix("...")))[0]


def message() -> str:
    """What ImageJ's error message says that is open, or will be; it is clicked away."""
    box = wait_for(lambda: [one for one in dialogs() if isinstance(one, JClass("ij.gui.MessageDialog"))])[0]
    told = f"{title_of(box)}: {JClass('ij.IJ').getErrorMessage()}"
    accept(box)
    return told


def screenshot(path: str) -> None:
    """The whole display as a PNG."""
    size = JClass("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    shot = JClass("java.awt.Robot")().createScreenCapture(JClass("java.awt.Rectangle")(size))
    JClass("javax.imageio.ImageIO").write(shot, "png", JClass("java.io.File")(path))


def escape(image: Any) -> float:
    """Stop the command that runs with Esc in the image's window; give the seconds that this takes."""
    image.getWindow().toFront()
    image.getCanvas().requestFocus()
    time.sleep(0.3)
    begun = time.monotonic()
    press("ESCAPE")
    wait_for(lambda: "Stopped" in status())
    return time.monotonic() - begun
