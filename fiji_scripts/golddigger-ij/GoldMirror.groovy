import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.gui.Overlay
import ij.gui.Roi
import ij.plugin.frame.RoiManager
import java.awt.EventQueue
import javax.swing.JList
import javax.swing.event.ListDataEvent
import javax.swing.event.ListDataListener
import javax.swing.event.ListSelectionEvent
import javax.swing.event.ListSelectionListener

/**
 * Lets an image's overlay follow the ROI Manager: what is deleted there, added or replaced. The two hold the same objects,
 * so that what is moved needs no care. Where the manager is emptied for something else, the overlay stays as it is.
 */
@CompileStatic
class GoldMirror implements ListDataListener, ListSelectionListener {

    private final RoiManager manager
    private final ImagePlus image
    private final JList list
    private Set<Roi> known
    private boolean waiting

    GoldMirror(RoiManager manager, ImagePlus image, JList list) {
        this.manager = manager
        this.image = image
        this.list = list
        known = GoldRoiManager.identities(manager.roisAsArray.toList())
        list.model.addListDataListener(this)
        list.addListSelectionListener(this)
    }

    void stop() {
        list.model.removeListDataListener(this)
        list.removeListSelectionListener(this)
    }

    @Override
    void intervalAdded(ListDataEvent event) {
        changed()
    }

    @Override
    void intervalRemoved(ListDataEvent event) {
        changed()
    }

    @Override
    void contentsChanged(ListDataEvent event) {
        changed()
    }

    /** ImageJ does not tell when "Update" has put another ROI in the place of one. */
    @Override
    void valueChanged(ListSelectionEvent event) {
        changed()
    }

    private synchronized void changed() {
        if (waiting) return
        waiting = true
        // The list changes before the ROIs do, or after them, and often many times at once.
        EventQueue.invokeLater { follow() }
    }

    private void follow() {
        synchronized (this) {
            waiting = false
        }
        if (image.window == null) {
            stop()
            return
        }
        def held = manager.roisAsArray.toList()
        int stayed = held.count { Roi roi -> known.contains(roi) } as int
        if (stayed == known.size() && stayed == held.size()) return
        int lost = known.size() - stayed
        def now = GoldRoiManager.identities(held)
        def owner = new GoldOwner(image)
        if (lost > 1 && !held.any { Roi roi -> owner.owns(roi) }) {
            stop()
            return
        }
        def before = image.overlay, overlay = before == null ? new Overlay() : before.create()
        def there = GoldRoiManager.identities([])
        if (before != null) for (Roi roi : before.toArray()) {
            if (known.contains(roi) && !now.contains(roi)) continue
            overlay.add(roi)
            there.add(roi)
        }
        for (Roi roi : held) if (!known.contains(roi) && !there.contains(roi) && (owner.owns(roi) || owner.isAdded(roi))) overlay.add(roi)
        image.overlay = overlay
        known = now
    }
}
