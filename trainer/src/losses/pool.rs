//! Earlier pictures of a generator, so that its discriminator does not forget what it once gave away.

use anyhow::{Result, ensure};
use tch::Tensor;

use crate::data::random::{Random, chance, index};

/// A bounded store of made pictures (Shrivastava et al. 2017, arXiv:1612.07828).
pub struct ImagePool {
    size: usize,
    pictures: Vec<Tensor>,
}

impl ImagePool {
    /// An empty pool of at most `size` pictures; 0 hands every picture on as it is.
    pub fn new(size: usize) -> Self {
        ImagePool { size, pictures: vec![] }
    }

    /// Takes in new pictures `[n, c, h, w]` and gives back as many: until the pool is full these themselves, then for
    /// each with even chances itself, or an older one whose place it takes. Nothing flows back through either.
    pub fn exchange(&mut self, made: &Tensor, random: &mut Random) -> Tensor {
        let made = made.detach();
        if self.size == 0 {
            return made;
        }
        let pictures = made.unbind(0).into_iter().map(|picture| {
            if self.pictures.len() < self.size {
                self.pictures.push(picture.copy());
                return picture;
            }
            if chance(random, 0.5) {
                return picture;
            }
            let place = index(random, self.pictures.len());
            std::mem::replace(&mut self.pictures[place], picture.copy()).to_device(picture.device())
        });
        Tensor::stack(&pictures.collect::<Vec<_>>(), 0)
    }

    /// The state by name, for a checkpoint.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("count".to_string(), Tensor::from_slice(&[self.pictures.len() as i64]))];
        state.extend(self.pictures.iter().enumerate().map(|(i, one)| (i.to_string(), one.shallow_clone())));
        state
    }

    /// Takes back a state; `find` looks up a tensor by its name.
    ///
    /// # Errors
    /// When a picture is missing, or there are more than fit.
    pub fn restore(&mut self, find: impl Fn(&str) -> Result<Tensor>) -> Result<()> {
        let count = find("count")?.int64_value(&[0]) as usize;
        ensure!(
            count <= self.size,
            "the checkpoint's image pool holds {count} pictures and --image-pool is {}; set it as it was",
            self.size
        );
        self.pictures = (0..count).map(|i| find(&i.to_string())).collect::<Result<_>>()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use anyhow::Context;
    use tch::{Device, Kind};

    use super::*;
    use crate::data::random::{Purpose, stream};

    /// Pictures of one pixel each, numbered.
    fn numbered(from: i64, count: i64) -> Tensor {
        Tensor::arange_start(from, from + count, (Kind::Float, Device::Cpu)).view([count, 1, 1, 1])
    }

    fn numbers(pictures: &Tensor) -> Vec<i64> {
        Vec::<f32>::try_from(pictures.view([-1])).unwrap().into_iter().map(|value| value as i64).collect()
    }

    #[test]
    fn a_full_pool_hands_out_older_pictures_about_every_other_time() {
        let mut pool = ImagePool::new(8);
        let exchange = |pool: &mut ImagePool, step: u64| {
            let made = numbered(step as i64 * 4, 4);
            numbers(&pool.exchange(&made, &mut stream(1, Purpose::Adversarial, step)))
        };
        for step in 0..2 {
            let first = step as i64 * 4;
            assert_eq!(exchange(&mut pool, step), (first..first + 4).collect::<Vec<_>>());
        }
        let mut older = 0;
        for step in 2..52 {
            let shown = exchange(&mut pool, step);
            older += shown.iter().filter(|&&number| number < step as i64 * 4).count();
        }
        // A picture that entered the pool in the same step may come out of it too.
        assert!((70..=110).contains(&older), "{older} of 200 were older");

        let mut none = ImagePool::new(0);
        assert_eq!(exchange(&mut none, 3), [12, 13, 14, 15]);
    }

    #[test]
    fn a_restored_pool_goes_on_as_the_one_that_was_saved() {
        let mut pool = ImagePool::new(6);
        let step = |pool: &mut ImagePool, step: u64| {
            numbers(&pool.exchange(&numbered(step as i64 * 4, 4), &mut stream(1, Purpose::Adversarial, step)))
        };
        for number in 0..3 {
            step(&mut pool, number);
        }
        let state: HashMap<String, Tensor> = pool.state().into_iter().collect();
        let find = |name: &str| state.get(name).map(Tensor::shallow_clone).context("no such tensor");
        let mut restored = ImagePool::new(6);
        restored.restore(find).unwrap();
        let goes_on = |pool: &mut ImagePool| (3..9).map(|number| step(pool, number)).collect::<Vec<_>>();
        assert_eq!(goes_on(&mut pool), goes_on(&mut restored));
        assert!(ImagePool::new(5).restore(find).unwrap_err().to_string().contains("--image-pool is 5"));
    }
}
