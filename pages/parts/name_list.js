// Suggestions of a text box: many names, kept as one list instead of one element each.
export default {
  props: { names: Array },
  template: `<datalist><option v-for="name in names" :key="name" :value="name"></option></datalist>`,
};
