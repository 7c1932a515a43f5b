// What a box to type in suggests: many names, kept as one list instead of an element each.
export default {
  props: { names: Array },
  template: `<datalist><option v-for="name in names" :key="name" :value="name"></option></datalist>`,
};
