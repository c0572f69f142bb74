import groovy.transform.CompileStatic
import ij.IJ
import ij.ImagePlus
import ij.Prefs
import ij.WindowManager
import ij.gui.GUI
import ij.gui.Overlay
import ij.gui.Roi
import ij.macro.Interpreter
import ij.plugin.frame.RoiManager
import java.awt.Container
import java.awt.EventQueue
import java.awt.GraphicsEnvironment
import javax.swing.JList

/** ImageJ's ROI Manager, filled at one go. It holds the particles of one image at a time, after the user's own ROIs. */
@CompileStatic
class GoldRoiManager {

    private static final String MIRROR = "golddigger-ij mirror"

    /** The ROI Manager; null where none is open, unless one is to be opened, and where ImageJ has no windows. */
    static RoiManager find(boolean open) {
        if (GraphicsEnvironment.headless) return null
        def found = RoiManager.getRawInstance()
        if (found == null) found = Interpreter.getBatchModeRoiManager()
        if (found == null && open) inWindows { new RoiManager() }
        found == null ? RoiManager.getRawInstance() : found
    }

    /**
     * Puts particles of an image into the manager, in place of those of the same slice. Particles of other open images go
     * on in the overlays of these, with what was added to them.
     *
     * @param said gets what there is to say about it
     * @return the particles as the manager holds them
     */
    static List<Roi> fill(RoiManager manager, ImagePlus image, List<Roi> particles, List<String> said) {
        def owner = new GoldOwner(image)
        def held = manager.roisAsArray.toList()
        def leaving = leave(held, image)
        def stay = held.findAll { Roi roi -> !leaving.contains(roi) && (owner.owns(roi) ? !owner.isHere(roi) : !GoldOwner.isParticle(roi)) }
        int lost = held.count { Roi roi -> GoldOwner.isParticle(roi) && !owner.owns(roi) && !leaving.contains(roi) } as int
        if (lost > 0) said << "The ROI Manager held $lost particles of an image that is not open; they made room.".toString()
        stopMirror(manager)
        // Only the thread of the windows may change a list that it draws.
        inWindows {
            if (stay.size() < held.size()) {
                manager.reset()
                for (Roi roi : stay) manager.add((ImagePlus) null, roi, -1)
            }
            for (Roi roi : particles) manager.add((ImagePlus) null, roi, -1)
        }
        def rois = manager.roisAsArray.toList()
        rois.subList(rois.size() - particles.size(), rois.size())
    }

    /** Lets the manager draw its ROIs over the image, and the overlay follow what becomes of them. */
    static void display(RoiManager manager, ImagePlus image, boolean mirrored) {
        if (image.window == null) return
        moveAside(manager, image)
        def selection = image.roi
        inWindows {
            on(image) {
                // As the manager draws them, a click selects one, a drag moves it, and the delete key takes it away.
                manager.runCommand(image, "show all without labels")
                // Which has also taken the selection away.
                if (selection != null) image.setRoi(selection)
            }
        }
        def list = list(manager)
        if (mirrored && list != null) list.putClientProperty(MIRROR, new GoldMirror(manager, image, list))
    }

    /** Runs with an image as ImageJ's current one, whatever window is in front. */
    static void on(ImagePlus image, Closure work) {
        def before = WindowManager.tempCurrentImage
        WindowManager.setTempCurrentImage(image)
        try {
            work()
        } finally {
            WindowManager.setTempCurrentImage(before)
        }
    }

    /** Runs on the thread that draws the windows. */
    static void inWindows(Closure work) {
        if (EventQueue.isDispatchThread()) {
            work()
            return
        }
        // ImageJ holds this while it asks whether to save an image before it ends: who waited for it on that thread would
        // never see the question answered.
        synchronized (WindowManager) {
        }
        EventQueue.invokeAndWait(work as Runnable)
    }

    /** ROIs as a set of these very objects; ImageJ takes two of the same place and size for equal. */
    static Set<Roi> identities(Collection<Roi> rois) {
        Set<Roi> set = Collections.newSetFromMap(new IdentityHashMap<Roi, Boolean>(2 * rois.size()))
        set.addAll(rois)
        set
    }

    /** Puts a ROI back that was deleted; gives it as the manager holds it now. */
    static Roi putBack(RoiManager manager, ImagePlus image, Roi roi) {
        manager.add((ImagePlus) null, roi, -1)
        int last = manager.count - 1
        // Which also draws it, where the manager draws its ROIs.
        on(image) { manager.setRoi(roi, last) }
        manager.getRoi(last)
    }

    /** Takes this very ROI out of an overlay. */
    static void removeFrom(Overlay overlay, Roi roi) {
        for (int i = overlay.size() - 1; i >= 0; i--) if (overlay.get(i).is(roi)) overlay.remove(i)
    }

    private static Set<Roi> leave(List<Roi> held, ImagePlus image) {
        def leaving = identities([])
        for (ImagePlus open : GoldImage.open()) {
            if (open.is(image)) continue
            def owner = new GoldOwner(open)
            def theirs = held.findAll { Roi roi -> owner.owns(roi) }
            if (theirs.empty) continue
            theirs += held.findAll { Roi roi -> owner.isAdded(roi) && !leaving.contains(roi) }
            def known = identities(theirs), overlay = open.overlay == null ? new Overlay() : open.overlay.create()
            if (open.overlay != null) open.overlay.toArray().each { Roi roi -> if (!owner.owns(roi) && !known.contains(roi)) overlay.add(roi) }
            theirs.each { Roi roi -> overlay.add(roi) }
            open.overlay = overlay
            leaving.addAll(theirs)
        }
        leaving
    }

    /** ImageJ opens the manager in the middle of the screen, where the image is, until the user has moved it. */
    private static void moveAside(RoiManager manager, ImagePlus image) {
        if (Prefs.getLocation(RoiManager.LOC_KEY) != null || !manager.bounds.intersects(image.window.bounds)) return
        def screen = GUI.getMaxWindowBounds(image.window), beside = image.window.bounds
        double x = beside.maxX + manager.width <= screen.maxX ? beside.maxX : beside.minX - manager.width
        double y = Math.max(beside.minY, IJ.instance == null ? 0d : IJ.instance.bounds.maxY)
        if (x >= screen.minX) manager.setLocation((int) x, (int) y)
    }

    private static void stopMirror(RoiManager manager) {
        def list = list(manager)
        def mirror = list?.getClientProperty(MIRROR)
        if (mirror instanceof GoldMirror) ((GoldMirror) mirror).stop()
    }

    /** The list in its window; the manager itself does not tell when it changes. */
    private static JList list(Container container) {
        for (component in container.components) {
            def found = component instanceof JList ? (JList) component : component instanceof Container ? list((Container) component) : null
            if (found != null) return found
        }
        null
    }
}
