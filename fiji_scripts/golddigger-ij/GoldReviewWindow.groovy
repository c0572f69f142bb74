import groovy.transform.CompileStatic
import ij.IJ
import ij.ImageListener
import ij.ImagePlus
import ij.gui.GUI
import ij.gui.GenericDialog
import java.awt.BorderLayout
import java.awt.Color
import java.awt.Component
import java.awt.FlowLayout
import java.awt.Font
import java.awt.GraphicsEnvironment
import java.awt.GridLayout
import java.awt.KeyEventDispatcher
import java.awt.KeyboardFocusManager
import java.awt.Window
import java.awt.event.KeyEvent
import java.awt.event.WindowAdapter
import java.awt.event.WindowEvent
import javax.swing.BorderFactory
import javax.swing.JButton
import javax.swing.JDialog
import javax.swing.JLabel
import javax.swing.JPanel
import javax.swing.SwingUtilities
import javax.swing.text.JTextComponent

/** The small window of a review. Its keys work in the image's window, in the ROI Manager and in ImageJ's own. */
@CompileStatic
class GoldReviewWindow implements KeyEventDispatcher, ImageListener {

    private static GoldReviewWindow open

    private final GoldReview review
    private final Closure say
    private final JDialog dialog
    private final JLabel heading = new JLabel(" "), details = new JLabel(" ")
    private final JPanel groups = new JPanel(new FlowLayout(FlowLayout.LEFT, 8, 2)), buttons = new JPanel(new GridLayout(1, 0, 6, 0))
    private boolean over

    /**
     * Reviews an image's particles; the window stays open when this returns.
     *
     * @param say gets what was done, at the end
     */
    static void open(ImagePlus image, Closure say) {
        if (GraphicsEnvironment.headless || image.window == null) throw new GoldError("A review needs a person and the image in a window; " +
            "without windows, take away what is uncertain with a higher gd_threshold of Detect Gold Particles...")
        def review = GoldReview.of(image)
        if (review.reviewed == review.count) {
            if (!IJ.macro && !IJ.showMessageWithCancel("Review Gold Particles", "All $review.count particles have been reviewed.\nReview them again?")) return
            review.restart()
        }
        GoldRoiManager.inWindows {
            open?.end()
            open = new GoldReviewWindow(review, say)
        }
    }

    private GoldReviewWindow(GoldReview review, Closure say) {
        this.review = review
        this.say = say
        dialog = new JDialog(review.image.window, "Review Gold Particles", false)
        // So that the keys stay with the image.
        dialog.focusableWindowState = false
        dialog.defaultCloseOperation = JDialog.DISPOSE_ON_CLOSE
        dialog.addWindowListener(new WindowAdapter() {
            @Override
            void windowClosing(WindowEvent event) {
                end()
            }
        })
        heading.font = heading.font.deriveFont(Font.BOLD, (float) (heading.font.size2D + 3))
        [["Keep (K)", { keep() }], ["Delete (D)", { delete() }], ["Group... (G)", { askGroup() }], ["Back (B)", { back() }], ["End (Esc)", { end() }]].each { List pair ->
            def button = new JButton((String) pair[0])
            def action = (Closure) pair[1]
            button.addActionListener { action.call() }
            buttons.add(button)
        }
        def content = new JPanel(new GridLayout(0, 1, 0, 4))
        content.border = BorderFactory.createEmptyBorder(10, 12, 10, 12)
        [heading, details, groups, buttons].each { Component part -> content.add(part) }
        dialog.add(content, BorderLayout.CENTER)
        KeyboardFocusManager.currentKeyboardFocusManager.addKeyEventDispatcher(this)
        ImagePlus.addImageListener(this)
        forward(review.next())
        GUI.scale(dialog)
        dialog.pack()
        place()
        dialog.visible = true
        review.image.window.toFront()
        review.image.canvas.requestFocus()
    }

    /** ImageJ has commands of its own on these keys, and some of them change the image. */
    @Override
    boolean dispatchKeyEvent(KeyEvent event) {
        if (event.controlDown || event.altDown || event.metaDown || !isOurs(event.component)) return false
        def action = action(event)
        if (action == null) return false
        if (event.ID == KeyEvent.KEY_PRESSED) action.call()
        true
    }

    private Closure action(KeyEvent event) {
        int code = event.keyCode
        def sign = Character.toLowerCase(event.keyChar)
        if (event.ID == KeyEvent.KEY_TYPED) return "kdbg \b\u007f\u001b".indexOf((int) sign) >= 0 || numberOf(sign) > 0 ? { } : null
        if (code == KeyEvent.VK_K || code == KeyEvent.VK_SPACE) return { keep() }
        if (code in [KeyEvent.VK_D, KeyEvent.VK_DELETE, KeyEvent.VK_BACK_SPACE]) return { delete() }
        if (code == KeyEvent.VK_B || code == KeyEvent.VK_LEFT) return { back() }
        if (code == KeyEvent.VK_G) return { askGroup() }
        if (code == KeyEvent.VK_ESCAPE) return { end() }
        int number = numberOf(sign)
        number > 0 ? { regroup(number) } : null
    }

    private boolean isOurs(Component source) {
        if (source == null || source instanceof java.awt.TextComponent || source instanceof JTextComponent) return false
        Window window = source instanceof Window ? (Window) source : SwingUtilities.getWindowAncestor(source)
        [dialog, review.image.window, GoldRoiManager.find(false), IJ.instance].any { it != null && it.is(window) }
    }

    /** The group of a digit key: ImageJ's number of the group, or its place where the numbers have two digits. */
    private int numberOf(char sign) {
        if (sign < ('1' as char) || sign > ('9' as char)) return 0
        int digit = Character.digit(sign, 10)
        if (shortNumbers()) return review.groups.containsKey(digit) ? digit : 0
        digit <= review.groups.size() ? review.groups.keySet()[digit - 1] : 0
    }

    private boolean shortNumbers() {
        review.groups.keySet().every { int number -> number <= 9 }
    }

    private void keep() {
        if (over) return
        review.keep()
        forward(review.next())
    }

    private void delete() {
        if (over) return
        review.delete()
        forward(review.next())
    }

    private void regroup(int number) {
        if (over) return
        if (number == review.particle.group) review.keep() else review.regroup(number)
        forward(review.next())
    }

    private void back() {
        if (review.back()) forward(true)
        else IJ.showStatus("This is where the review began.")
    }

    private void askGroup() {
        if (over) return
        def asked = new GenericDialog("Size group")
        asked.addStringField("Size group, such as 6nm:", GoldGroups.of(review.particle), 10)
        asked.showDialog()
        if (asked.wasCanceled()) return
        def label = asked.nextString.replace(" ", "")
        if (label ==~ /\d+(\.\d+)?/) label += "nm"
        if (!GoldGroups.isSize(label)) IJ.error("Review Gold Particles", "'$label' is no size group; give one such as 6nm, or other.")
        else regroup(review.addGroup(label))
    }

    /** Shows where the review is. */
    private void forward(boolean more) {
        over = !more
        def roi = review.particle
        heading.text = more ? "$review.place of $review.count" : "All $review.count particles are reviewed"
        details.text = more ? text(GoldGroups.of(roi), GoldReview.score(roi), roi.name) : review.summary
        groups.removeAll()
        review.groups.eachWithIndex { int number, String label, int i ->
            def key = shortNumbers() ? number : i + 1
            def sign = new JLabel("  $key = $label  ")
            sign.opaque = true
            sign.background = new Color(40, 40, 40)
            sign.foreground = review.colourOf(number)
            if (more && number == roi.group) sign.border = BorderFactory.createLineBorder(review.colourOf(number), 2)
            groups.add(sign)
        }
        buttons.components.eachWithIndex { Component button, int i -> button.enabled = more || i >= 3 }
        dialog.validate()
        dialog.repaint()
    }

    private static String text(String group, double score, String name) {
        def said = Double.isInfinite(score) ? "no score" : "score " + String.format(Locale.ROOT, "%.3f", score)
        "$group    $said    $name"
    }

    /** Above or below the image, where there is room, so that it covers nothing. */
    private void place() {
        def screen = GUI.getMaxWindowBounds(review.image.window), image = review.image.window.bounds
        double left = Math.max(screen.minX, Math.min(image.minX, screen.maxX - dialog.width))
        double x = screen.maxX - dialog.width, y = screen.maxY - dialog.height
        if (image.maxY <= y) (x, y) = [left, image.maxY]
        else if (image.minY - dialog.height >= screen.minY) (x, y) = [left, image.minY - dialog.height]
        else if (image.maxX <= x) (x, y) = [image.maxX, image.minY]
        dialog.setLocation((int) x, (int) y)
    }

    private void end() {
        if (!open.is(this)) return
        open = null
        KeyboardFocusManager.currentKeyboardFocusManager.removeKeyEventDispatcher(this)
        ImagePlus.removeImageListener(this)
        dialog.dispose()
        review.finish()
        say.call(review.summary)
    }

    @Override
    void imageOpened(ImagePlus image) {
    }

    @Override
    void imageUpdated(ImagePlus image) {
    }

    @Override
    void imageClosed(ImagePlus image) {
        if (image.is(review.image)) GoldRoiManager.inWindows { end() }
    }
}
