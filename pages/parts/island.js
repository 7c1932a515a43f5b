// An element that draws itself: what changes inside it does not draw the rest of the page again.
export default {
  props: { tag: { type: String, default: "div" } },
  template: `<component :is="tag"><slot></slot></component>`,
};
