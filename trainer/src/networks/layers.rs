//! Layers that networks are built of: a few nodes each.

use crate::networks::graph::{Conv, ConvTranspose, Dense, Graph, NodeId, Op};

impl Graph {
    /// Convolution of odd kernel, with bias.
    pub fn conv(&mut self, x: NodeId, outputs: i64, kernel: i64) -> NodeId {
        let inputs = self.channels(x);
        let conv =
            Conv { inputs, outputs, kernel, stride: 1, dilation: 1, groups: 1, bias: true, spectral: false };
        self.push(Op::Conv(conv), &[x])
    }

    /// 3x3 convolution and batch normalisation.
    pub fn conv_norm(&mut self, x: NodeId, outputs: i64, stride: i64, dilation: i64) -> NodeId {
        let inputs = self.channels(x);
        let conv =
            Conv { inputs, outputs, kernel: 3, stride, dilation, groups: 1, bias: false, spectral: false };
        let x = self.push(Op::Conv(conv), &[x]);
        self.push(Op::BatchNorm, &[x])
    }

    /// 3x3 convolution, batch normalisation, rectifier.
    pub fn conv_norm_relu(&mut self, x: NodeId, outputs: i64, stride: i64) -> NodeId {
        let x = self.conv_norm(x, outputs, stride, 1);
        self.push(Op::Relu, &[x])
    }

    /// Residual block of two 3x3 convolutions (He et al. 2016, arXiv:1512.03385).
    pub fn residual(&mut self, x: NodeId, dilation: i64) -> NodeId {
        let channels = self.channels(x);
        let y = self.conv_norm(x, channels, 1, dilation);
        let y = self.push(Op::Relu, &[y]);
        let y = self.conv_norm(y, channels, 1, dilation);
        let sum = self.push(Op::Add, &[x, y]);
        self.push(Op::Relu, &[sum])
    }

    /// `scale * x + shift`.
    pub fn affine(&mut self, x: NodeId, scale: f64, shift: f64) -> NodeId {
        self.push(Op::Affine { scale, shift }, &[x])
    }

    /// 0 up to `from`, 1 from `to` on, straight between them.
    pub fn ramp(&mut self, x: NodeId, from: f64, to: f64) -> NodeId {
        let scale = 1.0 / (to - from);
        let steep = self.affine(x, scale, -from * scale);
        self.push(Op::Clip, &[steep])
    }

    /// `x` brought to the size of `skip` and joined with it.
    pub fn join(&mut self, x: NodeId, skip: NodeId) -> NodeId {
        let x = self.push(Op::ResizeLike, &[x, skip]);
        self.push(Op::Concat, &[x, skip])
    }

    /// Convolution of any kernel without bias, batch normalisation, rectifier.
    pub fn wide_conv_norm_relu(&mut self, x: NodeId, outputs: i64, kernel: i64) -> NodeId {
        let inputs = self.channels(x);
        let conv =
            Conv { inputs, outputs, kernel, stride: 1, dilation: 1, groups: 1, bias: false, spectral: false };
        let x = self.push(Op::Conv(conv), &[x]);
        let x = self.push(Op::BatchNorm, &[x]);
        self.push(Op::Relu, &[x])
    }

    /// Batch normalisation, rectifier, convolution: a layer of a dense block (Huang et al. 2017, arXiv:1608.06993).
    pub fn norm_relu_conv(&mut self, x: NodeId, outputs: i64, kernel: i64) -> NodeId {
        let x = self.push(Op::BatchNorm, &[x]);
        let x = self.push(Op::Relu, &[x]);
        let inputs = self.channels(x);
        let conv =
            Conv { inputs, outputs, kernel, stride: 1, dilation: 1, groups: 1, bias: false, spectral: false };
        self.push(Op::Conv(conv), &[x])
    }

    /// Transposed convolution of kernel 4 that doubles height and width.
    pub fn double(&mut self, x: NodeId, outputs: i64, bias: bool) -> NodeId {
        let inputs = self.channels(x);
        self.push(Op::ConvTranspose(ConvTranspose { inputs, outputs, kernel: 4, stride: 2, bias }), &[x])
    }

    /// Dense layer on a row of values.
    pub fn dense(&mut self, x: NodeId, outputs: i64, spectral: bool) -> NodeId {
        let inputs = self.channels(x);
        self.push(Op::Dense(Dense { inputs, outputs, spectral }), &[x])
    }
}
