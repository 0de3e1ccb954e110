export {
  type ByteRange,
  type ContentRange,
  formatContentRange,
  formatUnsatisfiedRange,
  parseContentRange,
  parseRangeHeader,
} from './range.ts'
