import groovy.transform.CompileStatic
import ij.gui.OvalRoi
import java.awt.Graphics

/**
 * The oval of a particle. ImageJ draws nothing of an oval that is smaller than a pixel of the screen, as all are when a
 * montage is seen as a whole, and draws all that are out of sight; this one is then a dot, and left out.
 */
@CompileStatic
class GoldOval extends OvalRoi {

    private static final int DOT = 2
    private static final double HANDLES = 12

    /** Left, top and size of its bounding box, in ImageJ's coordinates. */
    GoldOval(double left, double top, double size) {
        super(left, top, size, size)
    }

    @Override
    void draw(Graphics graphics) {
        if (ic == null) {
            super.draw(graphics)
            return
        }
        if (strokeColor != null && strokeColor.alpha == 0 && overlay) return
        def box = floatBounds, seen = ic.srcRect
        double magnification = ic.magnification, margin = HANDLES / magnification
        if (box.maxX + margin < seen.minX || box.minX - margin > seen.maxX || box.maxY + margin < seen.minY || box.minY - margin > seen.maxY) return
        if (!overlay || Math.min(box.width, box.height) * magnification >= DOT) {
            super.draw(graphics)
            return
        }
        graphics.color = strokeColor
        graphics.fillRect((int) ((box.centerX - seen.minX) * magnification), (int) ((box.centerY - seen.minY) * magnification), DOT, DOT)
    }
}
