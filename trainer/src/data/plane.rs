//! Small float pictures: the form in which data code works.

/// `channels` planes of `height` x `width` values, one plane after the other (the layout of a tensor).
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Number of planes.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The values, 0 to 1 where they are colours or masks.
    pub values: Vec<f32>,
}

impl Plane {
    /// All values the same.
    pub fn filled(channels: usize, height: usize, width: usize, value: f32) -> Self {
        Plane { channels, height, width, values: vec![value; channels * height * width] }
    }

    /// The values of a tensor `[channels, height, width]`.
    pub fn from_tensor(tensor: &tch::Tensor) -> Self {
        let [channels, height, width] = tensor.size()[..] else {
            unreachable!("a plane has three dimensions")
        };
        let flat =
            tensor.detach().to_device(tch::Device::Cpu).to_kind(tch::Kind::Float).contiguous().view([-1]);
        let values = Vec::try_from(flat).expect("a flat float tensor");
        Plane { channels: channels as usize, height: height as usize, width: width as usize, values }
    }

    /// Values of one channel.
    pub fn channel(&self, channel: usize) -> &[f32] {
        &self.values[channel * self.area()..(channel + 1) * self.area()]
    }

    /// Values of one channel, to be changed.
    pub fn channel_mut(&mut self, channel: usize) -> &mut [f32] {
        let area = self.area();
        &mut self.values[channel * area..(channel + 1) * area]
    }

    /// Pixels of one channel.
    pub fn area(&self) -> usize {
        self.height * self.width
    }

    /// Mean over everything.
    pub fn mean(&self) -> f32 {
        self.values.iter().sum::<f32>() / self.values.len().max(1) as f32
    }

    /// Labels of classes as a mask: 1 where there is any class, 0 on the background.
    #[must_use]
    pub fn any_class(mut self) -> Self {
        self.values.iter_mut().for_each(|value| *value = value.min(1.0));
        self
    }

    /// Mean of every window of `2 * radius + 1` pixels, borders repeated, both ways.
    pub fn box_blur(&mut self, radius: usize) {
        if radius == 0 {
            return;
        }
        let (height, width) = (self.height, self.width);
        for channel in 0..self.channels {
            let plane = self.channel_mut(channel);
            let mut line = vec![0.0; width.max(height)];
            for y in 0..height {
                blur_line(plane, y * width, 1, width, radius, &mut line);
            }
            for x in 0..width {
                blur_line(plane, x, width, height, radius, &mut line);
            }
        }
    }

    /// Every pixel takes the largest value within `radius` pixels along rows, then along columns.
    pub fn dilate(&mut self, radius: usize) {
        self.extreme(radius, f32::max);
    }

    /// Every pixel takes the smallest value within `radius` pixels along rows, then along columns.
    pub fn erode(&mut self, radius: usize) {
        self.extreme(radius, f32::min);
    }

    fn extreme(&mut self, radius: usize, pick: fn(f32, f32) -> f32) {
        let (height, width) = (self.height, self.width);
        for channel in 0..self.channels {
            let plane = self.channel_mut(channel);
            for (lines, length, step, next) in [(height, width, 1, width), (width, height, width, 1)] {
                for line in 0..lines {
                    let at = |i: usize| line * next + i * step;
                    let old: Vec<f32> = (0..length).map(|i| plane[at(i)]).collect();
                    for i in 0..length {
                        let window = &old[i.saturating_sub(radius)..(i + radius + 1).min(length)];
                        plane[at(i)] = window.iter().copied().reduce(pick).unwrap_or_default();
                    }
                }
            }
        }
    }
}

fn blur_line(plane: &mut [f32], start: usize, step: usize, length: usize, radius: usize, copy: &mut [f32]) {
    for i in 0..length {
        copy[i] = plane[start + i * step];
    }
    let at = |i: isize| copy[i.clamp(0, length as isize - 1) as usize];
    let radius = radius as isize;
    let mut sum: f32 = (-radius..=radius).map(at).sum();
    for i in 0..length as isize {
        plane[start + i as usize * step] = sum / (2 * radius + 1) as f32;
        sum += at(i + radius + 1) - at(i - radius);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blurring_spreads_a_point_and_keeps_its_sum() {
        let mut plane = Plane::filled(1, 9, 11, 0.0);
        plane.values[4 * 11 + 5] = 1.0;
        plane.box_blur(1);
        assert!((plane.values.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((plane.values[3 * 11 + 4] - 1.0 / 9.0).abs() < 1e-6);
        assert_eq!(plane.values[4 * 11 + 7], 0.0);
    }

    #[test]
    fn dilation_grows_and_erosion_shrinks_by_the_radius() {
        let mut plane = Plane::filled(1, 9, 11, 0.0);
        plane.values[4 * 11 + 5] = 1.0;
        plane.dilate(2);
        assert_eq!(plane.values.iter().sum::<f32>(), 25.0);
        plane.erode(1);
        assert_eq!(plane.values.iter().sum::<f32>(), 9.0);
    }
}
