; What the tests say in every GIMP.
(define (test-true? value) (not (or (eqv? value 0) (eq? value #f))))
(define (test-number value) (if (test-true? value) 1 0))

; A copy of the image in a file, which is read once.
(define test-originals '())
(define (test-open file)
  (let ((known (assoc file test-originals)))
    (if known
        (car (gimp-image-duplicate (cdr known)))
        (begin
          (set! test-originals (cons (cons file (test-load file)) test-originals))
          (test-open file)))))

; The layer that was there first: new ones lie above it.
(define (test-layer image) (vector-ref (test-layers image) (- (vector-length (test-layers image)) 1)))
(define (test-top-layer image) (vector-ref (test-layers image) 0))
(define (test-channel image) (vector-ref (test-channels image) 0))
(define (test-mask layer) (car (gimp-layer-get-mask layer)))
(define (test-has-mask layer) (if (> (test-mask layer) 0) 1 0))

; What of an image a filter may change, beside pixels: layers, channels, layer masks, whether something is selected.
(define (test-state image)
  (list (vector-length (test-layers image))
        (vector-length (test-channels image))
        (test-has-mask (test-layer image))
        (- 1 (test-number (car (gimp-selection-is-empty image))))))

; Writes the pixels of a layer, a layer mask or a channel, all of them and no others, with 16 bits.
(define (test-save drawable file)
  (let* ((type (if (test-true? (car (gimp-drawable-is-gray drawable))) GRAY RGB))
         (image (car (gimp-image-new-with-precision (test-width drawable) (test-height drawable) type
                                                    PRECISION-U16-NON-LINEAR)))
         (layer (car (gimp-layer-new-from-drawable drawable image))))
    (gimp-image-insert-layer image layer 0 0)
    (if (= (test-has-mask layer) 1) (gimp-layer-remove-mask layer MASK-DISCARD))
    (gimp-layer-set-offsets layer 0 0)
    (gimp-layer-set-opacity layer 100)
    (test-png image layer file)
    (gimp-image-delete image)))

; Writes what is selected, over the whole image.
(define (test-save-selection image file)
  (let ((channel (car (gimp-selection-save image))))
    (test-save channel file)
    (gimp-image-remove-channel image channel)))

; How many seconds a call takes.
(define (test-seconds call)
  (define (now) (let ((time (gettimeofday))) (+ (car time) (/ (cadr time) 1000000.0))))
  (let ((begin (now)))
    (call)
    (- (now) begin)))
